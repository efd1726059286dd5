//! A refusal that is remembered, so that a herd of callers, and the next cron run, send one request.

use zeroize::Zeroizing;

use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::system::secret::SecretDigest;
use crate::token::Validity;

/// The error that the first caller got, and how long other callers get the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error code that the first caller got.
    pub code: String,
    /// The message that the first caller got; escaped, without secrets.
    pub message: String,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The issuer's own error code; escaped.
    pub oauth_error: Option<String>,
    /// What distinguishes the proxy that refused from others: requests that go another way are not refused.
    pub way: Option<SecretDigest>,
    /// From when on and how long it holds.
    pub validity: Validity,
}

impl Refusal {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let status = self.http_status.map(u16::to_be_bytes);
        let mut writer = Writer::default();
        writer
            .bytes(1, self.code.as_bytes())
            .bytes(2, self.message.as_bytes())
            .optional(3, status.as_ref().map(<[u8; 2]>::as_slice))
            .optional(4, self.oauth_error.as_deref().map(str::as_bytes));
        // A later field, present only if it has a value.
        if let Some(way) = &self.way {
            writer.bytes(5, way.as_bytes());
        }
        self.validity.encode(&mut writer);
        writer.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Refusal, Malformed> {
        let mut reader = Reader::new(bytes);
        let refusal = Refusal {
            code: reader.text(1)?.to_owned(),
            message: reader.text(2)?.to_owned(),
            http_status: match reader.optional(3)? {
                Some(status) => Some(u16::from_be_bytes(status.try_into().map_err(|_| Malformed)?)),
                None => None,
            },
            oauth_error: reader.optional_text(4)?.map(str::to_owned),
            way: if reader.next_is(5) { Some(SecretDigest(reader.fixed(5)?)) } else { None },
            validity: Validity::decode(&mut reader)?,
        };
        reader.finish()?;
        Ok(refusal)
    }
}
