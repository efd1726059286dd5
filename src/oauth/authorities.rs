//! CA files: each certificate in one is read, and what cannot be read is named.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Why a CA file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaFault {
    /// There is no certificate in it.
    #[error("it holds no certificate in PEM")]
    Empty,
    /// It is the certificate without the armour that makes it text.
    #[error("it is DER, and PEM is needed")]
    Der,
    /// It is text of two bytes for each letter, as some editors write it.
    #[error("it is UTF-16 text, and PEM is ASCII")]
    Utf16,
    /// A certificate with trust settings of OpenSSL's own.
    #[error("certificate {0} is a TRUSTED CERTIFICATE, which only OpenSSL reads")]
    Trusted(usize),
    /// A certificate is cut, or is none.
    #[error("certificate {0} cannot be read")]
    Unreadable(usize),
}

/// Reads all certificates of a CA file: one that is passed over would be the one that is missed.
pub(super) fn read(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, CaFault> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let Ok(text) = std::str::from_utf8(file) else { return Err(not_text(file)) };
    let mut certificates: Vec<CertificateDer<'static>> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let number = certificates.len() + 1;
        let Some((label, body)) = after.split_once("-----") else { break };
        rest = body;
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let end = format!("-----END {label}-----");
                let (body, after) = body.split_once(&end).ok_or(CaFault::Unreadable(number))?;
                certificates.push(certificate(body).ok_or(CaFault::Unreadable(number))?);
                rest = after;
            }
            "TRUSTED CERTIFICATE" => return Err(CaFault::Trusted(number)),
            // A key or a request beside the certificates is harmless.
            _ => {}
        }
    }
    if certificates.is_empty() { Err(not_text(file)) } else { Ok(certificates) }
}

fn certificate(body: &str) -> Option<CertificateDer<'static>> {
    let base64: String = body.split_ascii_whitespace().collect();
    let der = CertificateDer::from(STANDARD.decode(base64).ok()?);
    RootCertStore::empty().add(der.clone()).ok().map(|()| der)
}

/// Names what a file without a certificate in PEM is.
fn not_text(file: &[u8]) -> CaFault {
    match file {
        // A SEQUENCE with a length of two bytes: certificates are of that size.
        [0x30, 0x82, ..] => CaFault::Der,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => CaFault::Utf16,
        _ => CaFault::Empty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        let key = rcgen::KeyPair::generate().expect("a key");
        rcgen::CertificateParams::default().self_signed(&key).expect("a certificate").pem()
    }

    fn fault(file: impl AsRef<[u8]>) -> Option<CaFault> {
        read(file.as_ref()).err()
    }

    #[test]
    fn each_certificate_is_read_and_the_bad_one_is_named_by_its_number() {
        let (one, other) = (pem(), pem());
        let count = |file: String| read(file.as_bytes()).map(|all| all.len());
        assert_eq!(count(format!("{one}{other}")), Ok(2));
        assert_eq!(count(format!("a comment\r\n{}", one.replace('\n', "\r\n"))), Ok(1));
        assert_eq!(count(format!("\u{feff}{one}")), Ok(1));
        assert_eq!(count(one.replace("CERTIFICATE", "X509 CERTIFICATE")), Ok(1));
        assert_eq!(count(format!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{one}")), Ok(1));
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(fault(format!("{one}{bad}{other}")), Some(CaFault::Unreadable(2)));
        assert_eq!(fault(&one[..one.len() / 2]), Some(CaFault::Unreadable(1)));
        assert_eq!(fault(bad.replace("AAAA", "!!")), Some(CaFault::Unreadable(1)));
        assert_eq!(
            fault(format!("{one}{}", other.replace("CERTIFICATE", "TRUSTED CERTIFICATE"))),
            Some(CaFault::Trusted(2))
        );
    }

    #[test]
    fn what_is_no_pem_is_told_by_its_kind() {
        let one = pem();
        let der = read(one.as_bytes()).expect("a certificate").remove(0);
        assert_eq!(fault(&der), Some(CaFault::Der));
        let utf16: Vec<u8> = "\u{feff}".encode_utf16().chain(one.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(fault(utf16), Some(CaFault::Utf16));
        for file in
            ["", "no certificate", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN "]
        {
            assert_eq!(fault(file), Some(CaFault::Empty), "{file}");
        }
    }
}
