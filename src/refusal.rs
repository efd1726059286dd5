//! A refusal that is remembered, so that a herd, and the next cron run, asks once.

use zeroize::Zeroizing;

use crate::tlv::{Malformed, Reader, Writer};
use crate::token::Validity;

/// What the first one who asked was told, and for how long others are told the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error code that the first one exited with.
    pub code: String,
    /// The message of the first one; escaped, without secrets.
    pub message: String,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The issuer's own error code; escaped.
    pub oauth_error: Option<String>,
    /// What tells the proxy that refused from others: it says nothing of requests that go another way.
    pub way: Option<[u8; 32]>,
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
        // A later field, present only where it says something.
        if let Some(way) = &self.way {
            writer.bytes(5, way);
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
            way: if reader.next_is(5) { Some(reader.fixed(5)?) } else { None },
            validity: Validity::decode(&mut reader)?,
        };
        reader.finish()?;
        Ok(refusal)
    }
}
