//! What the fleet's store holds, judged by what a caller wants.

use super::Keeper;
use super::want::{TokenAtStart, WaitStart, Want};
use crate::fleet::{Found, Judged, notice};
use crate::system::clock::Moment;
use crate::token::AccessToken;
use crate::token::refusal::Refusal;

/// Judges what is found by what this caller wants.
pub(super) struct Judge<'a> {
    keeper: &'a Keeper,
    want: Want,
    start: WaitStart,
    /// The order that was there when the caller began to look.
    first: Option<u64>,
    /// The token that was good enough.
    pub(super) good: Option<AccessToken>,
    /// Whether a newer version's value is in its place.
    pub(super) newer: bool,
    /// The refusal that a host that failed left instead.
    pub(super) refusal: Option<Refusal>,
    /// The token that is there, if it is not good enough: it may be for other callers.
    pub(super) beside: Option<AccessToken>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(keeper: &'a Keeper, want: Want, start: WaitStart) -> Judge<'a> {
        Judge { keeper, want, start, first: None, good: None, newer: false, refusal: None, beside: None }
    }

    pub(super) fn of(&mut self, found: Found) -> Judged {
        let first = self.first;
        let order = match &found {
            Found::Token { order, .. } | Found::Over { order } | Found::Told { order, .. } => *order,
            Found::Nothing | Found::Unreadable(_) | Found::Newer => 0,
        };
        self.first.get_or_insert(order);
        self.beside = None;
        self.newer = matches!(found, Found::Newer);
        self.refusal = None;
        match found {
            Found::Nothing => Judged::Absent,
            Found::Over { order } => Judged::Poor { order },
            Found::Unreadable(bytes) => Judged::Unreadable(bytes),
            Found::Newer => Judged::Newer,
            Found::Told { beside: Some(token), .. } if self.is_good(&token, TokenAtStart::Unknown) => {
                self.good = Some(token);
                Judged::Good
            }
            Found::Told { refusal, beside, order } => {
                let notice = notice(&refusal);
                (self.refusal, self.beside) = (Some(refusal), beside);
                Judged::Notice { order, notice }
            }
            Found::Token { token, order, stayed } => {
                // One that came while the caller waited is accepted: another request would give no better one.
                let came = !stayed && first.is_some_and(|first| order > first);
                let at_start = if came { TokenAtStart::Replaced } else { TokenAtStart::Unknown };
                if self.is_good(&token, at_start) {
                    self.good = Some(token);
                    return Judged::Good;
                }
                self.beside = Some(token);
                Judged::Poor { order }
            }
        }
    }

    fn is_good(&self, token: &AccessToken, at_start: TokenAtStart) -> bool {
        let now = self.keeper.parts.clock.now();
        !self.keeper.memory.is_rejected(token, &now)
            && !self.was_refused_by_client(token, &now)
            && self.want.accepts(token.validity(), &now, &self.start.with(at_start))
    }

    /// Returns whether a token was rejected on this host and was not requested since: the fleet must not bring it back.
    fn was_refused_by_client(&self, token: &AccessToken, now: &Moment) -> bool {
        let identity = &self.keeper.memory.request().identity;
        // A record that does not open says nothing of this token.
        let last = self.keeper.parts.lazy_cache.cache().and_then(|cache| cache.rejection(identity).ok().flatten());
        last.is_some_and(|last| last.is_of(token, now) && !token.validity().sent_since(&last.validity.sent, now))
    }
}
