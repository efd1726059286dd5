//! The login of the fleet store.

use crate::encoding::tlv;
use crate::system::secret::Secret;

/// A user and a password of a store, and the hosts that they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FleetLogin {
    pub(crate) user: Option<String>,
    pub(crate) password: Secret,
    /// The address that they were set for, as it is shown.
    pub(crate) hosts: String,
}

impl FleetLogin {
    /// Encodes it for an item.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn encode(&self) -> Secret {
        let mut writer = tlv::Writer::default();
        writer
            .optional(1, self.user.as_deref().map(str::as_bytes))
            .bytes(2, self.password.expose())
            .bytes(3, self.hosts.as_bytes());
        Secret::new(writer.written())
    }

    /// Decodes what [`FleetLogin::encode`] wrote.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn decode(item: &Secret) -> Result<FleetLogin, tlv::Malformed> {
        let mut reader = tlv::Reader::new(item.expose());
        let user = reader.optional_text(1)?.map(str::to_owned);
        let password = Secret::new(reader.bytes(2)?);
        let hosts = reader.text(3)?.to_owned();
        reader.finish()?;
        Ok(FleetLogin { user, password, hosts })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_login_is_read_back(user in any::<Option<String>>(), password in "[ -~]{0,64}", hosts in "[a-z:/]{0,32}") {
            let login = FleetLogin { user, password: Secret::from(password.as_str()), hosts };
            prop_assert_eq!(FleetLogin::decode(&login.encode()), Ok(login));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = FleetLogin::decode(&Secret::new(bytes));
        }
    }
}
