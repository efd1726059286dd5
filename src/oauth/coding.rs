//! How a body is coded (RFC 9110 s. 8.4). No coding is requested. Some servers, and gateways before them, code all
//! the same.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use zeroize::Zeroizing;

use super::IssuerError;

/// Passes over a byte order mark, as RFC 8259 s. 8.1 lets a parser do.
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// The codings of the registry that are not read. Any other word is no coding, and changes nothing.
const NOT_READ: [&str; 10] =
    ["br", "zstd", "deflate", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm"];

/// What is done to a body before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Nothing.
    Plain,
    /// It is unpacked.
    Gzip,
    /// It is refused by this name.
    NotRead(&'static str),
}

impl Coding {
    /// Looks at every header of that name, and every coding in its list.
    pub(super) fn of(headers: &HeaderMap) -> Coding {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        codings.fold(Coding::Plain, |before, coding| {
            let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
            match (before, NOT_READ.into_iter().find(|name| is(name))) {
                (Coding::NotRead(_), _) => before,
                (_, Some(name)) => Coding::NotRead(name),
                // Twice is how a small answer becomes a very large one.
                (Coding::Gzip, None) if is("gzip") || is("x-gzip") => Coding::NotRead("gzip, gzip"),
                (_, None) if is("gzip") || is("x-gzip") => Coding::Gzip,
                _ => before,
            }
        })
    }

    /// Returns what a body unpacks to, `cap` bytes at most; `None` if it is to be read as it came.
    pub(super) fn unpack(
        self,
        body: &[u8],
        status: u16,
        cap: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, IssuerError> {
        match self {
            Coding::NotRead(coding) => Err(IssuerError::Encoded { status, coding }),
            // Without the mark, something on its way unpacked it and left the header.
            Coding::Gzip if body.starts_with(b"\x1f\x8b") => {
                // One more than may be there; in one piece, because what a growing buffer leaves behind is not erased.
                let most = cap.saturating_add(1);
                let mut unpacked = Zeroizing::new(Vec::with_capacity(most));
                let limit = u64::try_from(most).unwrap_or(u64::MAX);
                let read = MultiGzDecoder::new(body).take(limit).read_to_end(&mut unpacked);
                if unpacked.len() > cap {
                    return Err(IssuerError::TooLarge { cap });
                }
                let damaged = |_| IssuerError::Malformed { status: Some(status), why: "its gzip is damaged" };
                read.map_err(damaged).map(|_| Some(unpacked))
            }
            Coding::Plain | Coding::Gzip => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    #[test]
    fn every_coding_of_every_header_is_looked_at_and_what_is_none_changes_nothing() {
        for (values, coding) in [
            (&[][..], Coding::Plain),
            (&["identity"], Coding::Plain),
            (&["Identity, identity", ""], Coding::Plain),
            (&["utf-8"], Coding::Plain),
            (&["none", "UTF8, https://issuer.invalid/"], Coding::Plain),
            (&["gzip"], Coding::Gzip),
            (&["utf-8, X-GZip"], Coding::Gzip),
            (&["identity", "gzip"], Coding::Gzip),
            (&["gzip", "gzip"], Coding::NotRead("gzip, gzip")),
            (&["identity, br"], Coding::NotRead("br")),
            (&["gzip ,\tZSTD"], Coding::NotRead("zstd")),
            (&["deflate", "gzip"], Coding::NotRead("deflate")),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Coding::of(&headers), coding, "{values:?}");
        }
    }

    #[test]
    fn gzip_is_unpacked_up_to_the_cap_and_not_a_byte_further() {
        let unpacked = |body: &[u8]| Coding::Gzip.unpack(body, 200, 1_000);
        let body = [b'x'; 1_000];
        assert_eq!(unpacked(&packed(&body)).expect("it fits").expect("it was packed").as_slice(), body);
        for larger in [1_001, 1_000_000] {
            let error = unpacked(&packed(&vec![b'x'; larger]));
            assert!(matches!(error, Err(IssuerError::TooLarge { cap: 1_000 })), "{larger}: {error:?}");
        }
        let members = [packed(b"{"), packed(b"}")].concat();
        assert_eq!(unpacked(&members).expect("it fits").expect("it was packed").as_slice(), b"{}");
        let whole = packed(&body);
        assert!(matches!(unpacked(&whole[..whole.len() - 9]), Err(IssuerError::Malformed { .. })), "cut");
        assert_eq!(unpacked(b"{}").expect("as it came"), None);
        assert_eq!(unpacked(b"").expect("as it came"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_or_refused_within_the_cap(body in prop::collection::vec(any::<u8>(), 0..200), cap in 0_usize..300) {
            let marked = [b"\x1f\x8b\x08\0".as_slice(), &body].concat();
            for body in [body, marked] {
                if let Ok(Some(unpacked)) = Coding::Gzip.unpack(&body, 200, cap) {
                    prop_assert!(unpacked.len() <= cap);
                }
            }
        }
    }
}
