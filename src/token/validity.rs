//! The one rule that decides whether a token still holds.

use std::time::Duration;

use crate::encoding::tlv::{Malformed, Reader, Writer};
use crate::system::clock::{BootTime, Moment, WallTime};

/// The longest lifetime that is believed: ten years.
pub(crate) const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// When something was requested, and for how many seconds the answer holds.
///
/// The lifetime counts from the moment the request was sent: the issuer's clock started later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// When the request was sent.
    pub sent: Moment,
    /// How long the answer holds, in whole seconds: `expires_in` (RFC 6749 s. 5.1).
    pub lifetime: Duration,
    /// The source of the lifetime.
    pub lifetime_from: LifetimeFrom,
}

/// The source of a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// Makes the validity of what was requested at `sent`. Parts of a second of `lifetime` are kept by no store.
    pub fn new(sent: Moment, lifetime: Duration, lifetime_from: LifetimeFrom) -> Validity {
        Validity { sent, lifetime, lifetime_from }
    }

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
