//! What a caller does about the shared token: every decision, and none of the waiting, sending and judging around it.
//!
//! A caller looks, and takes what is good. Otherwise it requests the lease, until it has the lease or the token of
//! another host is there. The holder of the lease fetches, publishes under the order that came with it, and gives it
//! back. If it got no token, it may publish a notice to the others. A caller fetches without the store if anything fails,
//! or if it has waited long enough: the lease saves requests, and correctness does not depend on it. `model.rs` walks
//! through every interleaving of these decisions.

/// A caller on its way to a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// The highest order that was seen in a value that opens: only a host of the fleet can have written that.
    floor: u64,
}

/// What was found in place of a value, and how good it is for this caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Judged {
    /// Nothing.
    Absent,
    /// A token that is good enough.
    Good,
    /// A token that is not.
    Poor {
        /// Its order.
        order: u64,
    },
    /// What a host that failed reports to the others.
    Notice {
        /// Its order.
        order: u64,
        /// What it reports.
        notice: Notice,
    },
    /// Something that does not open: damaged, forged, or of another fleet.
    Unreadable(Vec<u8>),
    /// Something of a newer version, which has to stay.
    Newer,
}

/// What a host that had the turn and got no token reports to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Notice {
    /// The issuer refused, and would refuse each of them.
    Refused,
    /// It could not ask the issuer; another host may fare better.
    Unreachable,
    /// The next host could not either: a caller that waited for a turn would wait for nothing.
    StopWaiting,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// It has looked.
    Looked(Judged),
    /// It has the lease.
    Holds {
        /// The order of what it may publish.
        order: u64,
        /// What is there.
        judged: Judged,
    },
    /// Another host has the lease.
    Waits {
        /// What is there.
        judged: Judged,
        /// Whether it has waited long enough.
        weary: bool,
    },
    /// The store failed.
    Failed,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Request the lease.
    Join {
        /// What its order has to exceed.
        floor: u64,
    },
    /// Wait a moment, then request the lease.
    Wait {
        /// What its order has to exceed.
        floor: u64,
    },
    /// Take the token that was found; give back the lease, if there is one.
    Take,
    /// Answer as the issuer answered another host; give back the lease, if there is one.
    Refuse,
    /// Fetch and, if that is allowed, publish.
    Fetch(Option<Permit>),
}

/// What the holder of a lease may publish.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Permit {
    /// The order of it.
    pub(crate) order: u64,
    /// What cannot be opened and is in its way.
    pub(crate) instead_of: Option<Vec<u8>>,
    /// Whether what is there is of a newer version: then nothing is published.
    pub(crate) only_fetch: bool,
    /// Whether the last holder of the turn could not ask the issuer.
    pub(crate) after_failure: bool,
}

/// How a fetch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// By the issuer's answer, which is remembered.
    Answered,
    /// On the way to the issuer, or back.
    Underway,
    /// Before the request to the issuer, or because of something that only this host knows.
    Here,
}

impl Permit {
    /// Decides what a fetch that failed reports to the others; nothing if they would fare no worse without it.
    pub(crate) fn notice(&self, failure: Failure) -> Option<Notice> {
        match failure {
            _ if self.only_fetch => None,
            Failure::Answered => Some(Notice::Refused),
            Failure::Underway if self.after_failure => Some(Notice::StopWaiting),
            Failure::Underway => Some(Notice::Unreachable),
            Failure::Here => None,
        }
    }
}

impl Caller {
    /// Decides what comes after an event.
    pub(crate) fn next(&mut self, event: Event) -> Step {
        let judged = match &event {
            Event::Looked(judged) | Event::Holds { judged, .. } | Event::Waits { judged, .. } => judged,
            Event::Failed => return Step::Fetch(None),
        };
        match judged {
            Judged::Good => return Step::Take,
            Judged::Notice { notice: Notice::Refused, .. } => return Step::Refuse,
            Judged::Poor { order } | Judged::Notice { order, .. } => self.floor = self.floor.max(*order),
            Judged::Absent | Judged::Unreadable(_) | Judged::Newer => {}
        }
        match event {
            // It could publish nothing, or would wait for hosts that get nothing.
            Event::Looked(Judged::Newer | Judged::Notice { notice: Notice::StopWaiting, .. })
            | Event::Waits { judged: Judged::Newer | Judged::Notice { notice: Notice::StopWaiting, .. }, .. } => {
                Step::Fetch(None)
            }
            Event::Looked(_) => Step::Join { floor: self.floor },
            Event::Holds { order, judged } => Step::Fetch(Some(Permit {
                order,
                only_fetch: judged == Judged::Newer,
                after_failure: matches!(judged, Judged::Notice { .. }),
                instead_of: match judged {
                    Judged::Unreadable(bytes) => Some(bytes),
                    _ => None,
                },
            })),
            Event::Waits { weary: true, .. } | Event::Failed => Step::Fetch(None),
            Event::Waits { weary: false, .. } => Step::Wait { floor: self.floor },
        }
    }
}
