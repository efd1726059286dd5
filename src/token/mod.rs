//! The access token, its request, and the one rule that decides whether it still holds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::system::clock::{BootTime, Moment, WallTime};
use crate::system::secret::Secret;

/// The longest lifetime that is believed: ten years.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The field of an identity that names the secret with which a token was got.
const GENERATION: u16 = 9;

/// An access token with what its issuer named about it. Cloning is cheap; `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<Parts>);

#[derive(PartialEq, Eq)]
struct Parts {
    value: Secret,
    token_type: String,
    scope: Option<String>,
    validity: Validity,
    /// The key that proves possession (RFC 9449), if the token is bound to one.
    proof_key: Option<Secret>,
}

impl AccessToken {
    /// Makes a token from its value (visible ASCII, RFC 6749 appendix A.12), its type (`Bearer`, `DPoP`), its scope and
    /// its validity. The scope is the granted one, if the issuer named it. `None` if the value or the type is
    /// empty or holds anything but visible ASCII.
    pub fn new(value: Secret, token_type: &str, scope: Option<&str>, validity: Validity) -> Option<AccessToken> {
        let is_visible = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
        (is_visible(value.expose()) && is_visible(token_type.as_bytes())).then(|| {
            AccessToken(Arc::new(Parts {
                value,
                token_type: token_type.to_owned(),
                scope: scope.map(str::to_owned),
                validity,
                proof_key: None,
            }))
        })
    }

    /// Binds the token to a key, which is kept with it.
    pub(crate) fn bound_to(self, proof_key: Option<Secret>) -> AccessToken {
        let Parts { value, token_type, scope, validity, .. } = &*self.0;
        let (value, token_type, scope) = (value.clone(), token_type.clone(), scope.clone());
        AccessToken(Arc::new(Parts { value, token_type, scope, validity: *validity, proof_key }))
    }

    /// Returns the key that the token is bound to, if it is bound.
    pub(crate) fn proof_key(&self) -> Option<&Secret> {
        self.0.proof_key.as_ref()
    }

    /// Shows the token, for clients that take text: `request.bearer_auth(token.expose())`. Each call marks a place at
    /// which the token leaves its wrapping.
    pub fn expose(&self) -> &str {
        self.0.value.expose_text().expect("a token is visible ASCII: `new` takes nothing else")
    }

    /// Returns what an `Authorization` header holds: the type, a blank, the token. The value is marked sensitive, so
    /// `Debug` does not show it and HTTP/2 does not put it into its table.
    ///
    /// A token of the type `DPoP` is accepted only with a proof beside it (RFC 9449).
    ///
    /// ```
    /// # fn call(request: http::request::Builder, token: &tokenkeep::AccessToken) -> http::request::Builder {
    /// request.header(http::header::AUTHORIZATION, token.header_value())
    /// # }
    /// ```
    pub fn header_value(&self) -> HeaderValue {
        let text = Zeroizing::new(format!("{} {}", self.token_type(), self.expose()));
        let mut value = HeaderValue::from_str(&text).expect("both are visible ASCII: `new` takes nothing else");
        value.set_sensitive(true);
        value
    }

    /// Returns when the token ends, by the wall clock of this host: when it was requested, plus its lifetime. The issuer
    /// may end it earlier. [`AccessToken::validity`] has both parts.
    pub fn expires_at(&self) -> SystemTime {
        self.0.validity.expires_at().into()
    }

    /// Returns the token type as it is sent: `Bearer` or `DPoP`, whatever its case was.
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// Returns the scope that was granted, if the issuer named it.
    pub fn scope(&self) -> Option<&str> {
        self.0.scope.as_deref()
    }

    /// Returns when it was requested and how long it lives.
    pub fn validity(&self) -> &Validity {
        &self.0.validity
    }

    /// Encodes the token for a sealed record.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::default();
        writer
            .bytes(1, self.0.value.expose())
            .bytes(2, self.0.token_type.as_bytes())
            .optional(3, self.scope().map(str::as_bytes));
        self.0.validity.encode(&mut writer);
        // Present only in bound tokens: those of every other kind are written as before.
        if let Some(key) = &self.0.proof_key {
            writer.bytes(21, key.expose());
        }
        writer.finish()
    }

    /// Returns the same token with another validity.
    pub(crate) fn with_validity(&self, validity: Validity) -> AccessToken {
        let Parts { value, token_type, scope, proof_key, .. } = &*self.0;
        let (value, token_type, scope) = (value.clone(), token_type.clone(), scope.clone());
        AccessToken(Arc::new(Parts { value, token_type, scope, validity, proof_key: proof_key.clone() }))
    }

    /// Returns whether it is the same token, whenever it was requested.
    pub(crate) fn is_same_as(&self, other: &AccessToken) -> bool {
        self.0.value == other.0.value && self.0.proof_key == other.0.proof_key
    }

    /// Decodes what [`AccessToken::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<AccessToken, Malformed> {
        let mut reader = Reader::new(bytes);
        let value = Secret::new(reader.bytes(1)?);
        let token_type = reader.text(2)?;
        let scope = reader.optional_text(3)?;
        let validity = Validity::decode(&mut reader)?;
        let proof_key = if reader.is_at_end() { None } else { Some(Secret::new(reader.bytes(21)?)) };
        reader.finish()?;
        let token = AccessToken::new(value, token_type, scope, validity).ok_or(Malformed)?;
        Ok(match proof_key {
            Some(key) => token.bound_to(Some(key)),
            None => token,
        })
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("value", &self.0.value)
            .field("token_type", &self.0.token_type)
            .field("scope", &self.0.scope)
            .field("validity", &self.0.validity)
            .finish()
    }
}

/// When something was requested, and for how many seconds the answer holds.
///
/// The lifetime counts from the moment the request was sent: the issuer's clock started later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When the request was sent.
    pub sent: Moment,
    /// How long the answer holds, whole seconds.
    pub lifetime: Duration,
    /// The source of the lifetime.
    pub lifetime_from: LifetimeFrom,
}

/// The source of a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeFrom {
    /// The issuer named it.
    Issuer,
    /// The issuer named none; the profile's default was assumed.
    Assumed,
}

/// What is left of a validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It holds for this long.
    Fresh(Duration),
    /// Its time is over.
    Stale,
    /// The wall clock stands before the time of the request: what is left is not known.
    Unknown,
}

impl Validity {
    /// Returns what is left at `now`: up to the earlier of the wall-clock deadline and, in the same
    /// boot, the boot-time deadline.
    pub fn at(&self, now: &Moment) -> Freshness {
        if now.wall < self.sent.wall {
            return Freshness::Unknown;
        }
        let nanos = i64::try_from(self.lifetime.as_nanos()).unwrap_or(i64::MAX);
        let mut left = self.sent.wall.0.saturating_add(nanos).saturating_sub(now.wall.0);
        if let Some(sent) = self.boot_time_at(now) {
            let passed = i64::try_from(now.boot.0 - sent.0).unwrap_or(i64::MAX);
            left = left.min(nanos.saturating_sub(passed));
        }
        match u64::try_from(left) {
            Ok(left) if left > 0 => Freshness::Fresh(Duration::from_nanos(left)),
            _ => Freshness::Stale,
        }
    }

    /// Returns whether it has been over for longer than `since`, by both clocks if both can be compared. A wall clock
    /// that is ahead for a while must not make a token look old.
    pub(crate) fn is_over_for(&self, since: Duration, now: &Moment) -> bool {
        let end = self.lifetime.saturating_add(since);
        let by_boot = self.boot_time_at(now).is_none_or(|sent| sent.plus(end) < now.boot);
        by_boot && self.sent.wall.plus(end) < now.wall
    }

    /// Returns whether a token may be handed out: `now + min_ttl < deadline`. The one rule.
    pub fn outlasts(&self, min_ttl: Duration, now: &Moment) -> bool {
        matches!(self.at(now), Freshness::Fresh(left) if left > min_ttl)
    }

    /// Returns, at `now`, whether the request was sent at or after `then`. A time of sending later than `now` comes
    /// from another clock, and proves nothing.
    pub fn sent_since(&self, then: &Moment, now: &Moment) -> bool {
        match (self.boot_time_at(now), now.boot_id == then.boot_id) {
            (Some(sent), true) => sent >= then.boot,
            _ => self.sent.wall >= then.wall && self.sent.wall <= now.wall,
        }
    }

    /// Returns, at `now`, whether it holds and was surely sent after `other`. Times of two boots of this machine prove
    /// nothing: the one that is kept is of the earlier boot, however the clock was set since.
    pub(crate) fn is_fresh_and_sent_after(&self, other: &Validity, now: &Moment) -> bool {
        let sent_after = match (self.sent.boot_id, other.sent.boot_id) {
            (Some(_), Some(_)) => match (self.boot_time_at(now), other.boot_time_at(now)) {
                (Some(sent), Some(other)) => sent > other,
                _ => false,
            },
            _ => self.sent.wall > other.sent.wall,
        };
        sent_after && self.outlasts(Duration::ZERO, now)
    }

    /// Returns the boot time of sending, if the boot clock of `now` has shown it. One that lies ahead is of another
    /// clock: a time namespace, or a machine that was restored from a snapshot.
    fn boot_time_at(&self, now: &Moment) -> Option<BootTime> {
        let same_boot = self.sent.boot_id.is_some() && self.sent.boot_id == now.boot_id;
        (same_boot && self.sent.boot <= now.boot).then_some(self.sent.boot)
    }

    /// Returns the boot time up to which it holds, for one process that has read it at `now`.
    pub(crate) fn boot_deadline(&self, now: &Moment) -> BootTime {
        match self.at(now) {
            Freshness::Fresh(left) => now.boot.plus(left),
            Freshness::Stale | Freshness::Unknown => BootTime(0),
        }
    }

    /// Returns the wall time at which it ends, by the wall clock under which it was requested.
    pub fn expires_at(&self) -> WallTime {
        self.sent.wall.plus(self.lifetime)
    }

    /// Returns the same validity as this host sees it at `now`, if another host requested the token and `left` of it
    /// remains. The token counts as requested that much earlier, by the clocks of this host. The shorter of `left` and
    /// the sealed expiry counts, so neither clock nor operator makes it longer.
    pub(crate) fn seen_from(&self, now: &Moment, left: Duration) -> Option<Validity> {
        let sealed = u64::try_from(self.expires_at().0.saturating_sub(now.wall.0)).ok().map(Duration::from_nanos)?;
        let left = left.min(sealed).min(self.lifetime);
        let age = self.lifetime - left;
        let nanos = i64::try_from(age.as_nanos()).ok()?;
        let boot = u64::try_from(nanos).ok().and_then(|age| now.boot.0.checked_sub(age));
        // What is older than this boot has only its wall time.
        let (boot, boot_id) = boot.map_or((0, None), |boot| (boot, now.boot_id));
        let sent = Moment { wall: WallTime(now.wall.0.checked_sub(nanos)?), boot: BootTime(boot), boot_id };
        (!left.is_zero()).then_some(Validity { sent, ..*self })
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        let boot = self.sent.boot_id.map(|id| id.0);
        writer
            .bytes(16, &self.sent.wall.0.to_be_bytes())
            .bytes(17, &self.sent.boot.0.to_be_bytes())
            .optional(18, boot.as_ref().map(<[u8; 16]>::as_slice))
            .bytes(19, &self.lifetime.as_secs().to_be_bytes())
            .bytes(20, &[u8::from(self.lifetime_from == LifetimeFrom::Assumed)]);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Validity, Malformed> {
        let wall = WallTime(i64::from_be_bytes(reader.fixed(16)?));
        let boot = BootTime(u64::from_be_bytes(reader.fixed(17)?));
        let boot_id = reader.optional(18)?.map(|id| id.try_into().map_err(|_| Malformed)).transpose()?;
        let lifetime = Duration::from_secs(u64::from_be_bytes(reader.fixed(19)?));
        let lifetime_from = match reader.fixed(20)? {
            [0] => LifetimeFrom::Issuer,
            [1] => LifetimeFrom::Assumed,
            _ => return Err(Malformed),
        };
        // No process writes a longer one. An attacker that could forge one has the key anyway, but gets no overflow.
        if lifetime > LONGEST_LIFETIME {
            return Err(Malformed);
        }
        let sent = Moment { wall, boot, boot_id: boot_id.map(crate::system::clock::BootId) };
        Ok(Validity { sent, lifetime, lifetime_from })
    }
}

/// Everything about a request that can lead to another token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dimensions<'a> {
    /// The token endpoint, normalised.
    pub token_endpoint: &'a str,
    /// The issuer identifier, as written.
    pub issuer: Option<&'a str>,
    /// The client identifier.
    pub client_id: &'a str,
    /// The registered name of the client authentication method.
    pub auth_method: &'a str,
    /// The requested scopes, sorted and unique.
    pub scopes: &'a [&'a str],
    /// The requested audience.
    pub audience: Option<&'a str>,
    /// The requested resources, sorted and unique.
    pub resources: &'a [&'a str],
    /// Further parameters, sorted by name.
    pub params: &'a [(&'a str, &'a str)],
    /// The generation of the stored secret.
    pub generation: Option<&'a [u8]>,
    /// SHA-256 thumbprint of the client certificate.
    pub certificate: Option<&'a [u8]>,
    /// How the token is bound; `None` if any holder can use it.
    pub binding: Option<&'a str>,
    /// The grant, if it is another than client credentials.
    pub grant: Option<&'a str>,
    /// SHA-256 of the headers that are sent along: a gateway may lead them to another tenant.
    pub headers: Option<&'a [u8]>,
}

/// An injective encoding of [`Dimensions`]: two requests share it when they are the same request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenIdentity {
    bytes: Vec<u8>,
    name: RecordName,
}

/// The name of a record: SHA-256 of its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordName([u8; 32]);

impl RecordName {
    /// Names what `bytes` identify.
    pub fn of(bytes: &[u8]) -> RecordName {
        RecordName(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits; `None` if the text is anything else.
    pub fn from_hex(text: &str) -> Option<RecordName> {
        hex::decode(text).map(RecordName)
    }

    /// Returns the 32 bytes that records are bound to.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns 64 hexadecimal digits: the file name.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl TokenIdentity {
    /// Encodes the dimensions of a request.
    pub(crate) fn new(of: &Dimensions<'_>) -> TokenIdentity {
        let params: Vec<&[u8]> =
            of.params.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
        let mut writer = Writer::default();
        writer
            .bytes(1, of.token_endpoint.as_bytes())
            .optional(2, of.issuer.map(str::as_bytes))
            .bytes(3, of.client_id.as_bytes())
            .bytes(4, of.auth_method.as_bytes())
            .list(5, of.scopes.iter().map(|scope| scope.as_bytes()))
            .optional(6, of.audience.map(str::as_bytes))
            .list(7, of.resources.iter().map(|resource| resource.as_bytes()))
            .list(8, params.into_iter())
            .optional(GENERATION, of.generation)
            .optional(10, of.certificate);
        // A later dimension, present only if it has a value: identities without it stay as they were.
        if let Some(binding) = of.binding {
            writer.bytes(11, binding.as_bytes());
        }
        if let Some(grant) = of.grant {
            writer.bytes(12, grant.as_bytes());
        }
        if let Some(headers) = of.headers {
            writer.bytes(13, headers);
        }
        TokenIdentity::from_bytes(writer.finish().to_vec())
    }

    /// Takes an encoding that stood in a record.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> TokenIdentity {
        let name = RecordName::of(&bytes);
        TokenIdentity { bytes, name }
    }

    /// Returns the encoding.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Encodes the same request for a fleet. The epoch, which all its hosts have, takes the place of the generation of
    /// the secret that one of them stored.
    pub(crate) fn for_fleet(&self, epoch: &[u8; 32]) -> Result<Vec<u8>, Malformed> {
        let (mut reader, mut writer) = (Reader::new(&self.bytes), Writer::default());
        while !reader.is_at_end() {
            match reader.field()? {
                (GENERATION, _) => writer.optional(GENERATION, Some(epoch)),
                (tag, value) => writer.bytes(tag, value),
            };
        }
        Ok(writer.finish().to_vec())
    }

    /// Returns the name of the record.
    pub(crate) fn name(&self) -> RecordName {
        self.name
    }

    /// Reads what distinguishes an entry of a listing: endpoint, client, scopes, audience, generation.
    pub(crate) fn outline(&self) -> Result<Outline, Malformed> {
        let mut reader = Reader::new(&self.bytes);
        let token_endpoint = reader.text(1)?.to_owned();
        reader.optional(2)?;
        let client_id = reader.text(3)?.to_owned();
        reader.bytes(4)?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed);
        let scopes = reader.list(5)?.into_iter().map(text).collect::<Result<_, _>>()?;
        let audience = reader.optional_text(6)?.map(str::to_owned);
        reader.list(7)?;
        reader.list(8)?;
        let generation = reader.optional(GENERATION)?.map(<[u8]>::to_vec);
        Ok(Outline { token_endpoint, client_id, scopes, audience, generation })
    }
}

impl fmt::Debug for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIdentity({})", self.name.to_hex())
    }
}

/// What a listing shows of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) token_endpoint: String,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Option<String>,
    pub(crate) generation: Option<Vec<u8>>,
}

pub(crate) mod refusal;
#[cfg(test)]
mod tests;
