//! A token as hosts share it: sealed, with an order, and dated by the clocks of each host that reads it.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::client_key::ClientKey;
use super::{FleetName, LARGEST_VALUE, Value};
use crate::encoding::tlv::Malformed;
use crate::seal::fleet::{open, seal};
use crate::seal::{Kind, OpenError, Plain, SealError};
use crate::system::clock::{BootTime, Moment};
use crate::token::refusal::Refusal;
use crate::token::{AccessToken, TokenIdentity, Validity};

/// What it takes to read and write the shared token of one request.
#[derive(Clone)]
pub(crate) struct RequestKey {
    of: ClientKey,
    identity: Vec<u8>,
    name: FleetName,
}

/// What was found under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing, or what has ended.
    Nothing,
    /// A token, and its order.
    Token {
        /// As this host sees it.
        token: AccessToken,
        /// What came with it.
        order: u64,
        /// Whether it had been there before, and stayed when a host failed under that order.
        stayed: bool,
    },
    /// What a host that failed reports to the others.
    Told {
        /// The refusal that it reports.
        refusal: Refusal,
        /// The token that was there, good enough for others.
        beside: Option<AccessToken>,
        /// What came with it.
        order: u64,
    },
    /// A token that is over; its order still counts.
    Over {
        /// What came with it.
        order: u64,
    },
    /// What does not open.
    Unreadable(Vec<u8>),
    /// What a newer version wrote.
    Newer,
}

impl RequestKey {
    /// Makes the key of a request; `None` if its identity does not decode.
    pub(crate) fn new(of: &ClientKey, identity: &TokenIdentity) -> Option<RequestKey> {
        let identity = identity.for_fleet(&of.epoch).ok()?;
        let name = of.key.name(&identity);
        Some(RequestKey { of: of.clone(), identity, name })
    }

    /// Returns the key of the client that requests.
    pub(crate) fn client_key(&self) -> &ClientKey {
        &self.of
    }

    /// Returns the name that the token is shared under.
    pub(crate) fn name(&self) -> FleetName {
        self.name
    }

    /// Seals a token. What only means something on this host stays here.
    pub(crate) fn seal(&self, token: &AccessToken, order: u64) -> Result<Vec<u8>, SealError> {
        self.sealed(Kind::Shared, order, body(token))
    }

    /// Seals what a host that failed reports to the others, and the token that is there meanwhile.
    pub(crate) fn seal_refusal(
        &self,
        refusal: &Refusal,
        beside: Option<&AccessToken>,
        order: u64,
    ) -> Result<Vec<u8>, SealError> {
        let refusal = Refusal { validity: everywhere(&refusal.validity), ..refusal.clone() };
        let token = beside.map(body);
        let mut writer = crate::encoding::tlv::Writer::default();
        writer.bytes(1, &refusal.encode()).optional(2, token.as_ref().map(|token| token.as_slice()));
        self.sealed(Kind::FleetRefusal, order, writer.finish())
    }

    fn sealed(&self, kind: Kind, order: u64, body: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        let value = seal(&self.of.key, self.name, kind, order, &Plain { identity: self.identity.clone(), body })?;
        if value.len() <= LARGEST_VALUE { Ok(value) } else { Err(SealError::TooLarge) }
    }

    /// Opens what was found. Its request was sent `asked_ago`, and its remaining time is counted from then.
    pub(crate) fn open(&self, value: Option<Value>, now: &Moment, asked_ago: Duration) -> Found {
        let Some(value) = value else { return Found::Nothing };
        let (kind, order, plain) = match open(&self.of.key, self.name, &value.bytes) {
            Ok(opened) => opened,
            Err(OpenError::NewerVersion) => return Found::Newer,
            Err(OpenError::Sealed) => return Found::Unreadable(value.bytes),
        };
        let left = value.left.unwrap_or(Duration::MAX).saturating_sub(asked_ago);
        let token = |bytes: &[u8]| {
            let token = AccessToken::decode(bytes)?;
            Ok(token.validity().seen_from(now, left).map(|validity| token.with_validity(validity)))
        };
        // The name is a digest of the identity; compared all the same, byte for byte.
        let found = (plain.identity == self.identity).then(|| match kind {
            Kind::FleetRefusal => {
                let (refusal, beside) = parts(&plain.body)?;
                let beside = beside.map(token).transpose()?.flatten();
                Ok(match (refusal.validity.seen_from(now, left), beside) {
                    (Some(validity), beside) => {
                        Some(Found::Told { refusal: Refusal { validity, ..refusal }, beside, order })
                    }
                    (None, beside) => beside.map(|token| Found::Token { token, order, stayed: true }),
                })
            }
            _ => Ok(token(&plain.body)?.map(|token| Found::Token { token, order, stayed: false })),
        });
        match found {
            Some(Ok(found)) => found.unwrap_or(Found::Over { order }),
            Some(Err(Malformed)) | None => Found::Unreadable(value.bytes),
        }
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestKey({:?})", self.name)
    }
}

fn body(token: &AccessToken) -> Zeroizing<Vec<u8>> {
    token.with_validity(everywhere(token.validity())).encode()
}

/// Leaves out what only means something on this host.
fn everywhere(validity: &Validity) -> Validity {
    let sent = Moment { wall: validity.sent.wall, boot: BootTime(0), boot_id: None };
    Validity { sent, ..*validity }
}

/// Reads what a host that failed reports, and the token beside it.
fn parts(body: &[u8]) -> Result<(Refusal, Option<&[u8]>), Malformed> {
    let mut reader = crate::encoding::tlv::Reader::new(body);
    let parts = (Refusal::decode(reader.bytes(1)?)?, reader.optional(2)?);
    reader.finish()?;
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::FleetKey;
    use crate::seal::fleet::EpochOf;
    use crate::system::clock::{BootId, WallTime};
    use crate::system::secret::Secret;
    use crate::token::{Dimensions, Freshness, LifetimeFrom};

    const SECOND: i64 = 1_000_000_000;

    fn identity() -> TokenIdentity {
        TokenIdentity::new(&Dimensions {
            token_endpoint: "https://issuer.example/token",
            issuer: None,
            client_id: "client",
            auth_method: "client_secret_basic",
            scopes: &["a"],
            audience: None,
            resources: &[],
            params: &[],
            generation: Some(&[1; 16]),
            certificate: None,
            binding: None,
            grant: None,
            headers: None,
        })
    }

    fn request_key(secret: &str) -> RequestKey {
        let secret = Secret::from(secret);
        let key = FleetKey::explicit(&Secret::from("k"), "default");
        let epoch = key.epoch(EpochOf::Secret(&secret));
        RequestKey::new(&ClientKey { key, epoch }, &identity()).expect("an identity")
    }

    fn moment(wall: i64, boot: u64) -> Moment {
        Moment { wall: WallTime(wall * SECOND), boot: BootTime(boot * 1_000_000_000), boot_id: Some(BootId([9; 16])) }
    }

    fn token(lifetime: u64) -> AccessToken {
        let sent = Moment { boot_id: Some(BootId([1; 16])), ..moment(10_000, 50) };
        let validity = Validity { sent, lifetime: Duration::from_secs(lifetime), lifetime_from: LifetimeFrom::Issuer };
        AccessToken::new(Secret::from("token"), "Bearer", Some("a"), validity).expect("a token")
    }

    fn value(bytes: Vec<u8>, left: u64) -> Option<Value> {
        Some(Value { bytes, left: Some(Duration::from_secs(left)) })
    }

    fn seen(found: Found, now: &Moment) -> Option<Duration> {
        match found {
            Found::Token { token, .. } => match token.validity().at(now) {
                Freshness::Fresh(left) => Some(left),
                other => panic!("{other:?}"),
            },
            _ => None,
        }
    }

    #[test]
    fn another_host_sees_what_is_left_by_its_own_clocks() {
        let sealed = request_key("s").seal(&token(3_600), 4).expect("sealed");
        // This host's clock is right, 100 s ahead, and 1,000 s behind; it booted 7 s ago, and a day ago.
        for (now, wanted) in [
            (moment(10_600, 7), 3_000),
            (moment(10_700, 86_400), 2_900),
            (moment(9_600, 7), 3_000),
            (moment(9_600, 86_400), 3_000),
        ] {
            let found = request_key("s").open(value(sealed.clone(), 3_000), &now, Duration::ZERO);
            assert_eq!(seen(found, &now), Some(Duration::from_secs(wanted)), "{now:?}");
        }
    }

    #[test]
    fn a_token_is_no_fresher_than_its_seal_whatever_the_store_says() {
        let sealed = request_key("s").seal(&token(60), 4).expect("sealed");
        let found = |now: Moment, left| request_key("s").open(value(sealed.clone(), left), &now, Duration::ZERO);
        assert_eq!(seen(found(moment(10_050, 7), 9_999), &moment(10_050, 7)), Some(Duration::from_secs(10)));
        assert!(matches!(found(moment(10_060, 7), 9_999), Found::Over { order: 4 }));
        assert!(matches!(found(moment(10_000, 7), 0), Found::Over { order: 4 }));
    }

    #[test]
    fn what_another_host_asked_for_earlier_was_not_asked_for_since() {
        let sealed = request_key("s").seal(&token(60), 4).expect("sealed");
        let (then, now) = (moment(10_030, 100), moment(10_031, 101));
        match request_key("s").open(value(sealed, 29), &now, Duration::ZERO) {
            Found::Token { token, .. } => assert!(!token.validity().sent_since(&then, &now)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_stays_beside_what_a_host_that_failed_tells_and_is_there_when_that_is_over() {
        let refusal = |lifetime| Refusal {
            code: "rate_limited".to_owned(),
            message: "later".to_owned(),
            http_status: Some(429),
            oauth_error: None,
            way: None,
            validity: Validity { lifetime: Duration::from_secs(lifetime), ..*token(1).validity() },
        };
        let found = |sealed: Vec<u8>, at: i64| {
            request_key("s").open(value(sealed, 3_000), &moment(10_000 + at, 7), Duration::ZERO)
        };
        let beside = request_key("s").seal_refusal(&refusal(30), Some(&token(60)), 4).expect("sealed");
        match found(beside.clone(), 10) {
            Found::Told { refusal, beside: Some(kept), order: 4 } => {
                assert_eq!(refusal.validity.at(&moment(10_010, 7)), Freshness::Fresh(Duration::from_secs(20)));
                assert!(kept.is_same_as(&token(60)));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(found(beside.clone(), 40), Found::Token { order: 4, stayed: true, .. }));
        assert!(matches!(found(beside, 60), Found::Over { order: 4 }));
        let alone = request_key("s").seal_refusal(&refusal(30), None, 4).expect("sealed");
        assert!(matches!(found(alone.clone(), 10), Found::Told { beside: None, .. }));
        assert!(matches!(found(alone, 40), Found::Over { order: 4 }));
        let longer = request_key("s").seal_refusal(&refusal(90), Some(&token(60)), 4).expect("sealed");
        assert!(matches!(found(longer, 70), Found::Told { beside: None, .. }));
    }

    #[test]
    fn hosts_with_another_secret_or_request_do_not_meet() {
        let sealed = request_key("old").seal(&token(60), 1).expect("sealed");
        assert_ne!(request_key("old").name(), request_key("new").name());
        let found = request_key("new").open(value(sealed, 50), &moment(10_001, 1), Duration::ZERO);
        assert!(matches!(found, Found::Unreadable(_)));
    }

    #[test]
    fn generations_of_different_hosts_are_one_identity_in_a_fleet() {
        let epoch = [3; 32];
        let other = TokenIdentity::from_bytes(identity().for_fleet(&[4; 32]).expect("an identity"));
        assert_eq!(identity().for_fleet(&epoch), other.for_fleet(&epoch));
    }

    #[test]
    fn nothing_of_the_host_that_asked_is_in_what_it_shares() {
        let sealed = request_key("s").seal(&token(3_600), 4).expect("sealed");
        let now = Moment { boot_id: Some(BootId([1; 16])), ..moment(10_600, 51) };
        // In the same boot, by its boot time, it would look as if it had been requested a second ago.
        let found = request_key("s").open(value(sealed, 3_000), &now, Duration::ZERO);
        assert_eq!(seen(found, &now), Some(Duration::from_secs(3_000)));
    }

    proptest! {
        #[test]
        fn whatever_the_clocks_say_nobody_hands_out_what_the_store_or_the_seal_has_ended(
            wall in 0_i64..20_000, boot in 0_u64..200_000, left in 0_u64..10_000, lifetime in 0_u64..10_000,
        ) {
            let now = moment(wall, boot);
            let sealed = request_key("s").seal(&token(lifetime), 1).expect("sealed");
            if let Some(seen) = seen(request_key("s").open(value(sealed, left), &now, Duration::ZERO), &now) {
                prop_assert!(seen <= Duration::from_secs(left.min(lifetime)));
                prop_assert!(i64::try_from(seen.as_secs()).expect("small") <= 10_000 + lifetime as i64 - wall);
            }
        }
    }
}
