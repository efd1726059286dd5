//! One request to an issuer, for callers that count requests.

use std::sync::Arc;
use std::time::Duration;

use super::IssuerError;
use crate::system::clock::{Clock, Moment};

/// A request to an issuer that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    /// When it was sent.
    pub(crate) sent: Moment,
    /// How long it took, the whole answer included.
    pub(crate) latency: Duration,
    /// How it ended.
    pub(crate) ended: Ended<'a>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ended<'a> {
    /// With a token of this lifetime, if the issuer named one.
    Granted(Option<Duration>),
    /// With this error.
    Failed(&'a IssuerError),
    /// The caller stopped waiting.
    Abandoned,
}

/// Is called for every request.
pub(crate) type OnAttempt<'a> = &'a (dyn Fn(&Attempt<'_>) + Send + Sync);

/// A request that is on its way. Dropping it before its end reports that its caller no longer waits.
pub(super) struct InFlight<'a> {
    clock: Arc<dyn Clock>,
    told: OnAttempt<'a>,
    sent: Moment,
    /// The time that is left for it, and the error of a request that is dropped after that time.
    deadline: (Duration, IssuerError),
    ended: bool,
}

impl<'a> InFlight<'a> {
    /// Begins a request; `deadline` is the time that is left for it, and the error if that time passes.
    pub(super) fn new(clock: Arc<dyn Clock>, told: OnAttempt<'a>, deadline: (Duration, IssuerError)) -> InFlight<'a> {
        let sent = clock.now();
        InFlight { clock, told, sent, deadline, ended: false }
    }

    /// Returns when it was sent.
    pub(super) fn sent(&self) -> Moment {
        self.sent
    }

    /// Reports how it ended.
    pub(super) fn end(mut self, ended: Ended<'_>) {
        self.ended = true;
        (self.told)(&Attempt { sent: self.sent, latency: self.passed(), ended });
    }

    fn passed(&self) -> Duration {
        Duration::from_nanos(self.clock.boot().0.saturating_sub(self.sent.boot.0))
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let latency = self.passed();
            let late = latency >= self.deadline.0;
            let ended = if late { Ended::Failed(&self.deadline.1) } else { Ended::Abandoned };
            (self.told)(&Attempt { sent: self.sent, latency, ended });
        }
    }
}
