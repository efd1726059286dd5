//! Every interleaving of a few hosts that want the same token, walked through to the end.
//!
//! The code itself decides: [`Caller`] the next step of a host, [`Slot`] its effect on the store. The model adds what
//! surrounds them: whose turn it is, time, and faults. A question to the store is one step, as the contract requires;
//! between two steps of a host the others may do anything. A tick is a [`RENEWAL`]. A host that is awake asks what it
//! has to ask, or renews, within a tick or two: before a [`LEASE`] is over. A pause breaks that rule, for as long as it
//! likes. A fetch takes any time up to a bound, as a request has a deadline.
//!
//! Not in here: what values are and whether they open (`record.rs`), budgets (`session.rs`, `breaker.rs`), values of a
//! newer version, values that end or are forgotten, values forged while hosts look, and a store whose clock jumps.
//!
//! Safety properties are enough to show that no host waits for ever; `eventually` of the checker overlooks paths that
//! join. If nothing can happen any more every host is done, and no path is endless. With endless ticks it would have
//! endless states, but the search ends. And no tick has endless steps: each step uses up a fault, wakes a paused host,
//! moves a host on, copies what those changed, or is a poll or a renewal, of which a host has one a tick.

mod claims;

use std::time::Duration;

use stateright::{Model, Property};

use super::protocol::{Notice, Permit};
use super::store::slot::Slot;
use super::{Caller, Event, Failure, Joined, Judged, LEASE, Owner, Publication, RENEWAL, Step, Value, order_of};

const LEASE_TICKS: u8 = (LEASE.as_secs() / RENEWAL.as_secs()) as u8;
/// After how many ticks a waiter is weary.
const PATIENCE: u8 = 7;

/// What is walked through.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    hosts: usize,
    start: Start,
    /// What may go wrong, and how often, all kinds together.
    faults: &'static [Fault],
    at_most: u8,
    /// For how many ticks a host that is awake may delay what it has to ask.
    dawdles: u8,
    /// How often a lease is renewed until the fetch has to end.
    renewals: u8,
    rules: Rules,
}

/// What the store holds at first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Empty,
    Poor,
    /// And the store does not remember its order.
    PoorUncounted,
    UnreadableHighest,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Pause,
    Death,
    /// The issuer refuses; the caller has an error.
    BadFetch,
    /// The issuer cannot be reached; the caller has an error.
    NoFetch,
    /// A question or its answer is lost, or the question arrives twice.
    Failure,
    /// No question arrives any more.
    Outage,
    /// The store becomes what a replica knew: something earlier, or nothing.
    Failover,
}

/// The rules as they are, or changed, to see that a claim can fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rules {
    Real,
    NoComparison,
    NoReplacement,
    NoFloor,
    NoRenewal,
    NoExpiry,
    NoWeariness,
    NoFetchAlone,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct World {
    now: u8,
    slot: Slot,
    replica: Slot,
    down: bool,
    hosts: Vec<Host>,
    faults: u8,
    /// Whether a value that opens was replaced by one of a lower order.
    lowered: bool,
    /// Whether a token was replaced by one of an earlier lease.
    set_back: bool,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Host {
    caller: Caller,
    at: At,
    /// When it asked last, or woke.
    asked: u8,
    paused: Option<u8>,
    fetches: u8,
    /// The number of its lease, among all leases that were taken.
    turn: u8,
}

/// The state of a host. A token is named by the host that fetched it.
#[derive(Clone, Debug, PartialEq, Hash)]
enum At {
    Outside,
    Joining {
        floor: u64,
        waits_since: Option<u8>,
    },
    Fetching {
        permit: Option<Permit>,
        renewed: u8,
    },
    /// A token, or a notice to the others, by its kind.
    Publishing(Permit, u8),
    Leaving(Option<u8>),
    Done(Option<u8>),
    Dead {
        since: u8,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Tick,
    Ask(usize, Call),
    Fetched(usize),
    Wake(usize),
    Replicate,
    Fail(Fault, usize),
}

/// How often a question arrives, and whether the answer does.
type Call = (u8, bool);
const ANSWERED: Call = (1, true);
const UNHEARD: Call = (0, false);

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let (caller, at) = (Caller::default(), At::Outside);
        let hosts = vec![Host { caller, at, asked: 0, paused: None, fetches: 0, turn: 0 }; self.hosts];
        let (slot, replica) = (self.start.slot(), Slot::default());
        vec![World { now: 0, slot, replica, down: false, hosts, faults: 0, lowered: false, set_back: false }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let may = |fault: &Fault| world.faults < self.at_most && self.faults.contains(fault);
        let left = || world.hosts.iter().enumerate().filter(|(_, host)| !host.is_over());
        for (id, host) in left() {
            if host.paused.is_some() {
                actions.push(Action::Wake(id));
                continue;
            }
            let (asks, fetches) = match &host.at {
                At::Joining { waits_since: Some(_), .. } => (host.asked < world.now, false),
                At::Fetching { permit: None, .. } => (false, true),
                At::Fetching { renewed, .. } => (host.asked < world.now && *renewed < self.renewals, true),
                _ => (true, false),
            };
            let calls = match (world.down, may(&Fault::Failure)) {
                (true, _) => &[UNHEARD][..],
                (_, false) => &[ANSWERED],
                _ => &[ANSWERED, UNHEARD, (1, false), (2, true)],
            };
            actions.extend(calls.iter().filter(|_| asks).map(|call| Action::Ask(id, *call)));
            actions.extend(fetches.then_some(Action::Fetched(id)));
            let its = [Fault::Pause, Fault::Death]
                .into_iter()
                .chain([Fault::BadFetch, Fault::NoFetch].into_iter().filter(|_| fetches));
            actions.extend(its.filter(may).map(|fault| Action::Fail(fault, id)));
        }
        if left().next().is_some() && !world.down {
            let its = [Fault::Outage, Fault::Failover].into_iter().filter(may);
            actions.extend(its.map(|fault| Action::Fail(fault, 0)));
            actions.extend((may(&Fault::Failover) && world.replica != world.slot).then_some(Action::Replicate));
        }
        // Time passes while a host is at work and no host is late; then until the leases of the paused hosts are over.
        let in_time = |host: &Host| host.paused.is_some() || world.now - host.asked < self.dawdles;
        let matters = |host: &Host| host.paused.is_none_or(|since| world.now - since <= LEASE_TICKS);
        if left().all(|(_, host)| in_time(host)) && left().any(|(_, host)| matters(host)) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.now += 1,
            Action::Ask(id, call) => self.ask(&mut world, id, call),
            Action::Fetched(id) => world.hosts[id].fetched(Ok(id as u8)),
            Action::Wake(id) => world.hosts[id].wake(world.now),
            Action::Replicate => world.replica = world.slot.clone(),
            Action::Fail(Fault::Pause, id) => world.hosts[id].paused = Some(world.now),
            Action::Fail(Fault::Death, id) => world.hosts[id].at = At::Dead { since: world.now },
            Action::Fail(Fault::BadFetch, id) => world.hosts[id].fetched(Err(Failure::Answered)),
            Action::Fail(Fault::NoFetch, id) => world.hosts[id].fetched(Err(Failure::Underway)),
            Action::Fail(Fault::Outage, _) => world.down = true,
            Action::Fail(Fault::Failover, _) => world.slot = world.replica.clone(),
            Action::Fail(Fault::Failure, _) => unreachable!("it befalls a question"),
        }
        let failed = matches!(action, Action::Fail(..))
            || !world.down && matches!(action, Action::Ask(_, call) if call != ANSWERED);
        world.faults += u8::from(failed);
        if self.rules != Rules::NoExpiry {
            world.slot.expire(at(world.now));
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Scenario>> {
        claims::CLAIMS.into_iter().map(|(name, holds)| Property::always(name, holds)).collect()
    }
}

impl Scenario {
    /// Puts the next question of a host to the store, and lets the host decide.
    fn ask(&self, world: &mut World, id: usize, call: Call) {
        let turn = world.hosts.iter().map(|host| host.turn).max().unwrap_or_default() + 1;
        let World { now: tick, slot, hosts, .. } = world;
        let (host, now, owner) = (&mut hosts[id], at(*tick), Owner([id as u8; 16]));
        host.asked = *tick;
        let event = match host.at.clone() {
            At::Outside => made(call, || Event::Looked(judged(slot.look(now)))),
            At::Joining { floor, waits_since } => {
                made(call, || match slot.join(owner, if self.rules == Rules::NoFloor { 0 } else { floor }, now) {
                    Joined::Holder { order, value } => Event::Holds { order, judged: judged(value) },
                    Joined::Waiter { value } => {
                        let weary = waits_since.is_some_and(|since| *tick - since >= PATIENCE);
                        Event::Waits { judged: judged(value), weary }
                    }
                })
            }
            At::Fetching { permit, renewed } => {
                host.at = At::Fetching { permit, renewed: renewed + 1 };
                made(call, || self.rules != Rules::NoRenewal && slot.renew(owner, now));
                return;
            }
            At::Publishing(permit, kind) => return self.publish(world, id, &permit, kind, call),
            At::Leaving(token) => {
                host.at = At::Done(token);
                made(call, || slot.leave(owner));
                return;
            }
            At::Done(_) | At::Dead { .. } => unreachable!("it asks nothing any more"),
        };
        let event = event.unwrap_or(Event::Failed);
        let holds = matches!(event, Event::Holds { .. });
        host.turn = if holds { turn } else { host.turn };
        host.at = match (host.caller.next(event), host.waits_since()) {
            (Step::Fetch(None), Some(_)) if self.rules == Rules::NoWeariness => return,
            (Step::Fetch(None), _) if self.rules == Rules::NoFetchAlone => At::Done(None),
            (Step::Join { floor }, _) => At::Joining { floor, waits_since: None },
            (Step::Wait { floor }, since) => At::Joining { floor, waits_since: since.or(Some(*tick)) },
            (Step::Take, _) if holds => At::Leaving(fetcher(&slot.look(now))),
            (Step::Take, _) => At::Done(fetcher(&slot.look(now))),
            (Step::Refuse, _) if holds => At::Leaving(None),
            (Step::Refuse, _) => At::Done(None),
            (Step::Fetch(permit), _) => At::Fetching { permit, renewed: 0 },
        };
        host.fetches += u8::from(matches!(host.at, At::Fetching { .. }));
    }

    fn publish(&self, world: &mut World, id: usize, permit: &Permit, kind: u8, call: Call) {
        let World { slot, hosts, .. } = world;
        let (now, before) = (at(world.now), slot.look(at(world.now)));
        let instead_of = permit.instead_of.clone().filter(|_| self.rules != Rules::NoReplacement);
        let publication = publication(permit.order, Owner([id as u8; 16]), kind, instead_of);
        made(call, || {
            let _ = self.rules == Rules::NoComparison && slot.forget(None);
            slot.publish(&publication, now)
        });
        let after = slot.look(now);
        let order = |value: &Option<Value>| value.as_ref().map_or(0, |value| order_of(&value.bytes));
        let later = fetcher(&before).is_some_and(|other| hosts[usize::from(other)].turn > hosts[id].turn);
        hosts[id].at = At::Done((kind < REFUSED).then_some(kind));
        world.set_back |= later && after != before;
        world.lowered |= order(&after) < order(&before) && !matches!(judged(before), Judged::Unreadable(_));
    }
}

impl Host {
    fn is_over(&self) -> bool {
        matches!(self.at, At::Done(_) | At::Dead { .. })
    }

    fn waits_since(&self) -> Option<u8> {
        if let At::Joining { waits_since, .. } = self.at { waits_since } else { None }
    }

    /// Ends a fetch, with a token or without one.
    fn fetched(&mut self, token: Result<u8, Failure>) {
        let notice = |permit: &Permit, failure| match permit.notice(failure) {
            Some(Notice::Refused) => Some(REFUSED),
            Some(Notice::Unreachable) => Some(FAILED),
            Some(Notice::StopWaiting) => Some(ALONE),
            None => None,
        };
        self.at = match (&self.at, token) {
            (At::Fetching { permit: Some(permit), .. }, Ok(token)) => At::Publishing(permit.clone(), token),
            (At::Fetching { permit: Some(permit), .. }, Err(failure)) => match notice(permit, failure) {
                Some(word) => At::Publishing(permit.clone(), word),
                None => At::Leaving(None),
            },
            (_, token) => At::Done(token.ok()),
        };
    }

    /// Ends a pause. By how much it outlasted the host's patience makes no difference.
    fn wake(&mut self, now: u8) {
        (self.paused, self.asked) = (None, now);
        if let At::Joining { waits_since: Some(since), .. } = &mut self.at {
            *since = (*since).max(now.saturating_sub(PATIENCE));
        }
    }
}

fn made<T>((arrives, answered): Call, mut question: impl FnMut() -> T) -> Option<T> {
    (0..arrives).map(|_| question()).last().filter(|_| answered)
}

fn at(tick: u8) -> Duration {
    RENEWAL * u32::from(tick)
}

/// The kind of a value that is no token. The kind of a token is the host that fetched it.
const REFUSED: u8 = 251;
const FAILED: u8 = 252;
const ALONE: u8 = 253;
const POOR: u8 = 254;
const UNREADABLE: u8 = 255;

fn publication(order: u64, owner: Owner, kind: u8, instead_of: Option<Vec<u8>>) -> Publication {
    let bytes = [&order.to_be_bytes()[..], &[kind]].concat();
    Publication { owner, bytes, lifetime: Duration::from_secs(1_000), instead_of }
}

fn judged(value: Option<Value>) -> Judged {
    match value.map(|value| (value.bytes[8], value.bytes)) {
        None => Judged::Absent,
        Some((POOR, bytes)) => Judged::Poor { order: order_of(&bytes) },
        Some((REFUSED, bytes)) => Judged::Notice { order: order_of(&bytes), notice: Notice::Refused },
        Some((FAILED, bytes)) => Judged::Notice { order: order_of(&bytes), notice: Notice::Unreachable },
        Some((ALONE, bytes)) => Judged::Notice { order: order_of(&bytes), notice: Notice::StopWaiting },
        Some((UNREADABLE, bytes)) => Judged::Unreadable(bytes),
        Some(_) => Judged::Good,
    }
}

fn fetcher(value: &Option<Value>) -> Option<u8> {
    value.as_ref().map(|value| value.bytes[8]).filter(|kind| *kind < REFUSED)
}

impl Start {
    fn slot(self) -> Slot {
        let (mut slot, nobody) = (Slot::default(), Owner([POOR; 16]));
        let (order, kind) = match self {
            Start::Empty => return slot,
            Start::Poor | Start::PoorUncounted => (5, POOR),
            Start::UnreadableHighest => (u64::MAX, UNREADABLE),
        };
        if self == Start::Poor {
            slot.join(nobody, order - 1, at(0));
        }
        slot.publish(&publication(order, nobody, kind, None), at(0));
        slot
    }
}
