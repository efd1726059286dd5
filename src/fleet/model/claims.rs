//! What is claimed of every state that the model gets into, and how far it is walked.

use stateright::{Checker, HasDiscoveries, Model};

use super::{At, Fault, Host, LEASE_TICKS, PATIENCE, Rules, Scenario, Start, World};

/// A claim, and whether it holds in a state.
type Claim = (&'static str, fn(&Scenario, &World) -> bool);

const NOBODY_WAITS_FOR_EVER: &str = "nobody waits for ever";
const NO_LOWER_ORDER: &str = "a lower order never replaces a higher one";
const NO_LATE_TOKEN: &str = "a late publisher never replaces a later token";
const ONE_FETCH_EACH: &str = "a host fetches once at most, and ends with a token";
const ONE_FETCH: &str = "without a fault there is one fetch, and one token";
const ONE_LEASE: &str = "a killed holder costs the others its lease and a poll at most";

pub(super) const CLAIMS: [Claim; 6] = [
    (NOBODY_WAITS_FOR_EVER, |scenario, world| {
        let mut actions = Vec::new();
        scenario.actions(world, &mut actions);
        let over = world.hosts.iter().all(Host::is_over);
        let weary = |since| world.now > since + PATIENCE + scenario.dawdles;
        let awake = || world.hosts.iter().filter(|host| host.paused.is_none());
        (over || !actions.is_empty()) && !awake().filter_map(Host::waits_since).any(weary)
    }),
    (NO_LOWER_ORDER, |_, world| !world.lowered),
    // A replica that knew less gives lower orders to later leases.
    (NO_LATE_TOKEN, |scenario, world| scenario.faults.contains(&Fault::Failover) || !world.set_back),
    (ONE_FETCH_EACH, |scenario, world| {
        let refused = scenario.faults.iter().any(|fault| matches!(fault, Fault::BadFetch | Fault::NoFetch));
        world.hosts.iter().all(|host| host.fetches <= 1 && (refused || host.at != At::Done(None)))
    }),
    (ONE_FETCH, |scenario, world| {
        let fetches: u8 = world.hosts.iter().map(|host| host.fetches).sum();
        let mut done = world.hosts.iter().map(|host| &host.at).filter(|at| matches!(at, At::Done(_)));
        let first = done.next();
        let is_slow = (scenario.renewals + 1) * scenario.dawdles >= PATIENCE;
        scenario.at_most > 0 || is_slow || fetches <= 1 && done.all(|at| Some(at) == first)
    }),
    (ONE_LEASE, |scenario, world| {
        let (dead, living): (Vec<_>, Vec<_>) = world.hosts.iter().partition(|host| matches!(host.at, At::Dead { .. }));
        let over =
            |host: &&Host| matches!(host.at, At::Dead { since } if world.now >= since + LEASE_TICKS + scenario.dawdles);
        let in_vain =
            living.iter().any(|host| host.waits_since().is_some()) && living.iter().all(|host| host.fetches == 0);
        scenario.faults != [Fault::Death] || scenario.at_most > 1 || !(in_vain && dead.iter().any(over))
    }),
];

const EVERYTHING: &[Fault] =
    &[Fault::Pause, Fault::Death, Fault::BadFetch, Fault::NoFetch, Fault::Failure, Fault::Outage, Fault::Failover];
const STARTS: [Start; 4] = [Start::Empty, Start::Poor, Start::PoorUncounted, Start::UnreadableHighest];
const TWO_HOSTS: Scenario =
    Scenario { hosts: 2, start: Start::Empty, faults: &[], at_most: 0, dawdles: 2, renewals: 2, rules: Rules::Real };
const THREE_HOSTS: Scenario = Scenario { hosts: 3, dawdles: 1, ..TWO_HOSTS };

/// Walks through every state of some scenarios and checks every claim in each.
#[expect(clippy::print_stdout, reason = "the figure is what the test is for")]
fn walk(scenarios: impl IntoIterator<Item = Scenario>) {
    for scenario in scenarios {
        let walked = scenario.checker().spawn_bfs().join();
        walked.assert_properties();
        println!("{} states, {} steps at most: {scenario:?}", walked.unique_state_count(), walked.max_depth() - 1);
    }
}

/// Walks until a claim fails.
fn refute(claim: &'static str, scenario: Scenario) {
    let end = HasDiscoveries::AllOf([claim].into());
    scenario.checker().finish_when(end).spawn_bfs().join().assert_any_discovery(claim);
}

#[test]
fn without_a_fault_hosts_fetch_once_and_end_with_the_same_token() {
    let hosts = [TWO_HOSTS, THREE_HOSTS, Scenario { dawdles: 2, ..THREE_HOSTS }];
    walk(hosts.into_iter().flat_map(|scenario| STARTS.map(|start| Scenario { start, ..scenario })));
}

#[test]
fn when_the_store_fails_or_forgets_each_host_fetches_once_at_most_and_has_a_token() {
    let faults = &[Fault::Failure, Fault::Outage, Fault::Failover];
    walk(STARTS.map(|start| Scenario { start, faults, at_most: 1, ..TWO_HOSTS }));
    walk([Scenario { faults, at_most: 2, dawdles: 1, ..TWO_HOSTS }, Scenario { faults, at_most: 1, ..THREE_HOSTS }]);
}

#[test]
fn a_publisher_who_slept_through_its_lease_does_not_replace_a_later_token() {
    let faults = &[Fault::Pause];
    walk(STARTS.map(|start| Scenario { start, faults, at_most: 2, ..TWO_HOSTS }));
    walk([Scenario { faults, at_most: 2, ..THREE_HOSTS }]);
}

#[test]
fn a_killed_holder_costs_the_others_its_lease_and_a_poll_at_most() {
    let faults = &[Fault::Death];
    let hosts = [TWO_HOSTS, Scenario { dawdles: 1, ..TWO_HOSTS }, THREE_HOSTS];
    walk(hosts.map(|scenario| Scenario { faults, at_most: 1, ..scenario }));
}

#[test]
fn whoever_waits_for_a_slow_host_gets_weary() {
    walk([TWO_HOSTS, THREE_HOSTS].map(|scenario| Scenario { renewals: 10, ..scenario }));
}

#[test]
fn whatever_goes_wrong_nobody_waits_for_ever_and_no_lower_order_replaces_a_higher_one() {
    let two = [Start::Empty, Start::PoorUncounted];
    walk(two.map(|start| Scenario { start, faults: EVERYTHING, at_most: 2, dawdles: 1, ..TWO_HOSTS }));
    walk(STARTS.map(|start| Scenario { start, faults: EVERYTHING, at_most: 1, ..TWO_HOSTS }));
    walk([Scenario { faults: EVERYTHING, at_most: 1, ..THREE_HOSTS }]);
}

#[test]
fn every_claim_fails_under_other_rules() {
    let one = |fault: &'static [Fault]| Scenario { faults: fault, at_most: 1, ..TWO_HOSTS };
    let slow = Scenario { renewals: 10, ..TWO_HOSTS };
    let from = |start| Scenario { start, ..TWO_HOSTS };
    for (rules, claim, scenario) in [
        (Rules::NoComparison, NO_LOWER_ORDER, one(&[Fault::Pause])),
        (Rules::NoComparison, NO_LATE_TOKEN, one(&[Fault::Pause])),
        (Rules::NoReplacement, ONE_FETCH, from(Start::UnreadableHighest)),
        (Rules::NoFloor, ONE_FETCH, from(Start::PoorUncounted)),
        (Rules::NoRenewal, ONE_FETCH, TWO_HOSTS),
        (Rules::NoExpiry, ONE_LEASE, one(&[Fault::Death])),
        (Rules::NoWeariness, NOBODY_WAITS_FOR_EVER, one(&[Fault::Outage])),
        (Rules::NoWeariness, NOBODY_WAITS_FOR_EVER, slow),
        (Rules::NoFetchAlone, ONE_FETCH_EACH, one(&[Fault::Failure])),
    ] {
        refute(claim, Scenario { rules, ..scenario });
    }
}
