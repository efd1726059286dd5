use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::system::clock::{BootId, BootTime, Clock, ManualClock, Moment, WallTime};
use crate::system::secret::Secret;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const NOW: WallTime = WallTime(1_800_000_000_000_000_000);

fn validity(clock: &ManualClock, lifetime: Duration) -> Validity {
    Validity { sent: clock.now(), lifetime, lifetime_from: LifetimeFrom::Issuer }
}

fn token(value: &str) -> Option<AccessToken> {
    let validity = validity(&ManualClock::new(NOW), HOUR);
    AccessToken::new(Secret::from(value), "Bearer", Some("a b"), validity)
}

#[test]
fn an_hour_means_an_hour() {
    let clock = ManualClock::new(NOW);
    let validity = validity(&clock, HOUR);
    clock.advance(HOUR - SECOND);
    assert!(validity.outlasts(Duration::ZERO, &clock.now()));
    clock.advance(SECOND - Duration::from_nanos(1));
    assert!(validity.outlasts(Duration::ZERO, &clock.now()));
    clock.advance(Duration::from_nanos(1));
    assert!(!validity.outlasts(Duration::ZERO, &clock.now()), "a token that expires now is not returned");
}

#[test]
fn the_boundary_moves_with_min_ttl() {
    let clock = ManualClock::new(NOW);
    let validity = validity(&clock, HOUR);
    let min_ttl = 5 * 60 * SECOND;
    clock.advance(HOUR - min_ttl - SECOND);
    assert!(validity.outlasts(min_ttl, &clock.now()));
    clock.advance(SECOND);
    assert!(!validity.outlasts(min_ttl, &clock.now()), "now + min_ttl = deadline");
    clock.advance(SECOND);
    assert!(!validity.outlasts(min_ttl, &clock.now()));
}

#[test]
fn a_wall_clock_that_went_back_means_unknown() {
    for back in [1, 86_400, 10 * 365 * 86_400_i64] {
        let clock = ManualClock::new(NOW);
        let validity = validity(&clock, HOUR);
        clock.set_wall(WallTime(NOW.0 - back * 1_000_000_000));
        assert_eq!(validity.at(&clock.now()), Freshness::Unknown, "{back} s");
    }
}

#[test]
fn a_wall_clock_that_is_set_back_within_the_lifetime_does_not_lengthen_it() {
    let clock = ManualClock::new(NOW);
    let validity = validity(&clock, HOUR);
    clock.advance(HOUR);
    clock.set_wall(NOW);
    assert_eq!(validity.at(&clock.now()), Freshness::Stale, "boot time went on");
}

#[test]
fn a_suspended_machine_does_not_lengthen_a_lifetime() {
    // Boot time goes on during suspend, so both clocks move.
    let clock = ManualClock::new(NOW);
    let validity = validity(&clock, HOUR);
    clock.advance(2 * HOUR);
    assert_eq!(validity.at(&clock.now()), Freshness::Stale);
}

#[test]
fn after_a_reboot_the_wall_clock_alone_counts() {
    let clock = ManualClock::new(NOW);
    let validity = validity(&clock, HOUR);
    clock.advance(HOUR / 2);
    clock.reboot();
    assert_eq!(validity.at(&clock.now()), Freshness::Fresh(HOUR / 2));
}

#[test]
fn a_wall_clock_far_ahead_means_stale_and_far_years_do_not_overflow() {
    for wall in [2_147_483_648_i64, 4_294_967_296, 9_223_372_036] {
        let clock = ManualClock::new(NOW);
        let validity = validity(&clock, LONGEST_LIFETIME);
        clock.set_wall(WallTime(wall * 1_000_000_000));
        let _ = validity.at(&clock.now());
        assert!(validity.expires_at() > NOW);
    }
    let clock = ManualClock::new(WallTime(i64::MAX));
    assert!(validity(&clock, HOUR).expires_at() >= clock.wall());
}

#[test]
fn a_request_of_the_same_instant_counts_as_sent_since() {
    let clock = ManualClock::new(NOW);
    let begun = clock.now();
    assert!(validity(&clock, HOUR).sent_since(&begun, &clock.now()));
    clock.set_wall(WallTime(0));
    clock.advance(SECOND);
    assert!(validity(&clock, HOUR).sent_since(&begun, &clock.now()), "in one boot the wall clock does not matter");
    let earlier = validity(&ManualClock::new(NOW), HOUR);
    assert!(!earlier.sent_since(&clock.now(), &clock.now()));
}

#[test]
fn what_is_sent_later_than_now_by_either_clock_was_not_sent_since() {
    // In another time namespace of the same boot: its boot clock is ahead.
    let (here, there) = (ManualClock::new(NOW), ManualClock::new(NOW));
    there.set_boot(here.boot().plus(1_000 * HOUR));
    let record = validity(&there, HOUR);
    here.advance(SECOND);
    assert!(!record.sent_since(&here.now(), &here.now()), "a second ago by the wall clock, a year ahead by the other");
    // Without boot ids only the wall clock can be compared.
    here.hide_boot_id();
    let begun = here.now();
    let ahead = Validity { sent: Moment { wall: here.wall().plus(HOUR), ..here.now() }, ..validity(&here, HOUR) };
    assert!(!ahead.sent_since(&begun, &here.now()));
    assert!(validity(&here, HOUR).sent_since(&begun, &here.now()));
}

#[test]
fn only_a_token_that_holds_now_is_later_than_one_that_was_just_obtained() {
    for boot_ids in [true, false] {
        let clock = ManualClock::new(NOW);
        if !boot_ids {
            clock.hide_boot_id();
        }
        let obtained = validity(&clock, HOUR);
        clock.advance(SECOND);
        let later = validity(&clock, HOUR);
        assert!(later.is_fresh_and_sent_after(&obtained, &clock.now()), "{boot_ids}");
        assert!(!obtained.is_fresh_and_sent_after(&later, &clock.now()), "{boot_ids}");
        let over = Validity { lifetime: SECOND, ..later };
        clock.advance(SECOND);
        assert!(!over.is_fresh_and_sent_after(&obtained, &clock.now()), "{boot_ids}");
        let of_the_future = Validity { sent: Moment { wall: clock.wall().plus(HOUR), ..later.sent }, ..later };
        assert!(!of_the_future.is_fresh_and_sent_after(&obtained, &clock.now()), "{boot_ids}");
    }
    let clock = ManualClock::new(NOW);
    let obtained = validity(&clock, HOUR);
    let ahead = Validity { sent: Moment { boot: clock.boot().plus(HOUR), ..obtained.sent }, ..obtained };
    assert!(!ahead.is_fresh_and_sent_after(&obtained, &clock.now()), "of another boot clock");
}

#[test]
fn a_wall_clock_that_is_ahead_for_a_while_makes_nothing_look_long_over() {
    let clock = ManualClock::new(NOW);
    let record = validity(&clock, HOUR);
    clock.set_wall(NOW.plus(1_000 * HOUR));
    assert!(!record.is_over_for(HOUR, &clock.now()));
    clock.advance(2 * HOUR);
    assert!(!record.is_over_for(HOUR, &clock.now()), "to the second");
    clock.advance(SECOND);
    assert!(record.is_over_for(HOUR, &clock.now()));
}

#[test]
fn a_token_is_visible_ascii() {
    for value in ["", "a b", "a\r\nb", "a\0", "a\x1b[0m", "tökn", "a\x7f"] {
        assert!(token(value).is_none(), "{value:?}");
    }
    assert!(token("abc-._~+/=\"'`$").is_some());
}

#[test]
fn a_token_is_handed_out_as_a_header_that_is_sensitive() {
    for (token_type, header) in [("Bearer", "Bearer abc.~+/="), ("DPoP", "DPoP abc.~+/=")] {
        let validity = validity(&ManualClock::new(NOW), HOUR);
        let token = AccessToken::new(Secret::from("abc.~+/="), token_type, None, validity).expect("valid");
        assert_eq!(token.header_value(), header);
        assert!(token.header_value().is_sensitive());
        assert!(!format!("{:?}", token.header_value()).contains("abc"));
    }
    for token_type in ["", "Bearer x", "Bearer\r\nx", "B\u{e4}rer"] {
        let validity = validity(&ManualClock::new(NOW), HOUR);
        assert!(AccessToken::new(Secret::from("abc"), token_type, None, validity).is_none(), "{token_type:?}");
    }
}

#[test]
fn a_token_names_the_time_at_which_it_ends() {
    use std::time::UNIX_EPOCH;
    let ends = UNIX_EPOCH + Duration::from_secs(1_800_000_000) + HOUR;
    assert_eq!(token("abc").expect("valid").expires_at(), ends);
    assert_eq!(SystemTime::from(WallTime(-1_500_000_000)), UNIX_EPOCH - Duration::from_millis(1_500));
}

#[test]
fn debug_does_not_show_a_token() {
    let shown = format!("{:?}", token("hunter2"));
    assert!(!shown.contains("hunter2") && shown.contains("REDACTED"), "{shown}");
}

#[test]
fn a_token_is_read_back_as_it_was_written() {
    let token = token("abc").expect("valid");
    assert_eq!(AccessToken::decode(&token.encode()), Ok(token));
}

/// What a property test makes an identity of.
type Parts = (
    String,
    Option<String>,
    String,
    Vec<String>,
    Option<String>,
    Vec<String>,
    Vec<(String, String)>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
);

fn identity(parts: &Parts) -> TokenIdentity {
    let scopes: Vec<&str> = parts.3.iter().map(String::as_str).collect();
    let resources: Vec<&str> = parts.5.iter().map(String::as_str).collect();
    let params: Vec<(&str, &str)> = parts.6.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    TokenIdentity::new(&Dimensions {
        token_endpoint: &parts.0,
        issuer: parts.1.as_deref(),
        client_id: &parts.2,
        auth_method: "client_secret_basic",
        scopes: &scopes,
        audience: parts.4.as_deref(),
        resources: &resources,
        params: &params,
        generation: parts.7.as_deref(),
        certificate: parts.8.as_deref(),
        binding: parts.9.as_deref(),
        grant: parts.10.as_deref(),
        headers: parts.11.as_deref(),
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    // Few letters and short texts: near misses, in which a divider could be mistaken for content.
    let text = || "[ab,:]{0,3}";
    (
        text(),
        prop::option::of(text()),
        text(),
        prop::collection::vec(text(), 0..3),
        prop::option::of(text()),
        prop::collection::vec(text(), 0..3),
        prop::collection::vec((text(), text()), 0..3),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..2)),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..2)),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..2)),
    )
}

#[test]
fn a_token_that_is_bound_to_a_key_is_read_back_with_it_and_shows_it_to_nobody() {
    let key = Secret::new(b"hunter2".to_vec());
    let token = token("abc").expect("valid").bound_to(Some(key.clone()));
    let read = AccessToken::decode(&token.encode()).expect("read back");
    assert_eq!((read.proof_key(), &read), (Some(&key), &token));
    assert!(!format!("{token:?} {token:#?}").contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn two_requests_share_an_identity_only_when_they_are_equal(a in parts(), b in parts()) {
        prop_assert_eq!(a == b, identity(&a).as_bytes() == identity(&b).as_bytes());
    }

    #[test]
    fn any_bytes_decode_to_a_token_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = AccessToken::decode(&bytes);
        let _ = TokenIdentity::from_bytes(bytes).outline();
    }

    #[test]
    fn no_reading_of_the_clocks_gives_more_than_the_lifetime(
        sent in any::<i64>(), wall in any::<i64>(), sent_boot in any::<u64>(), boot in any::<u64>(),
        seconds in 0..LONGEST_LIFETIME.as_secs(), same in any::<bool>(),
    ) {
        let moment = |wall, boot, id| Moment { wall: WallTime(wall), boot: BootTime(boot), boot_id: Some(BootId([id; 16])) };
        let lifetime = Duration::from_secs(seconds);
        let validity = Validity { sent: moment(sent, sent_boot, 0), lifetime, lifetime_from: LifetimeFrom::Issuer };
        if let Freshness::Fresh(left) = validity.at(&moment(wall, boot, u8::from(!same))) {
            prop_assert!(left <= lifetime);
        }
    }
}
