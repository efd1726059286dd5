//! What the store's operator puts in place of values, leases and orders: never a wrong token, and the next fetch mends
//! what can be replaced.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::host::{at, chill, comes_from, get, gets, host, issuer, value, values};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};

/// The bytes before what is sealed: the order, then magic, version, suite, kind, 0, commitment, nonce, length.
const ORDER: usize = 8;
const VERSION: usize = ORDER + 4;
const HEADER: usize = ORDER + 8 + 32 + 24 + 4;

/// A fleet of three whose tokens say what they are for.
struct Fleet {
    issuer: Issuer,
    server: RedisServer,
    hosts: [TestEnvironment; 3],
}

impl Fleet {
    fn new() -> Self {
        let (issuer, server) = (issuer(), RedisServer::start());
        issuer.set(json!({ "token_carries_identity": true }));
        let hosts = [(); 3].map(|()| host(&issuer, &at(&server)));
        Self { issuer, server, hosts }
    }

    /// Lets the first host ask for a scope, and returns the token and the key of its value.
    fn filled(&self, scope: &str) -> (String, String) {
        let before = values(&self.server);
        let token = self.right(gets(&self.hosts[0], &["--scope", scope], "issuer"), scope);
        let new = values(&self.server).into_iter().find(|key| !before.contains(key));
        (token, new.expect("it was shared"))
    }

    /// A token, if it is one for this scope.
    fn right(&self, token: String, scope: &str) -> String {
        let of = format!(".{}.{}", URL_SAFE_NO_PAD.encode("test"), URL_SAFE_NO_PAD.encode(scope));
        assert!(token.ends_with(&of), "a token for another scope than {scope}");
        token
    }

    /// A host that has nothing asks the issuer, and what it gets is what the next one finds.
    fn is_mended(&self, case: &str, scope: &str) -> String {
        let [_, b, c] = &self.hosts;
        let asked = self.issuer.count("/token");
        let outcome = get(b, &["--scope", scope]).run();
        assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{case}: {outcome:?}");
        let token = self.right(comes_from(&outcome, "issuer"), scope);
        let found = get(c, &["--scope", scope]).run();
        assert!(found.code == 0 && found.stderr.is_empty() && found.json()["source"] == "fleet", "{case}: {found:?}");
        assert!(comes_from(&found, "fleet") == token, "{case}");
        assert_eq!(self.issuer.count("/token"), asked + 1, "{case}");
        [b, c].into_iter().for_each(chill);
        token
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        self.server.get(key).expect("it is there")
    }
}

/// H3: swaps.
#[test]
fn the_values_of_two_requests_that_were_swapped_are_neithers() {
    let fleet = Fleet::new();
    let [(_, a), (_, b)] = ["a", "b"].map(|scope| fleet.filled(scope));
    let [of_a, of_b] = [&a, &b].map(|key| fleet.bytes(key));
    fleet.server.overwrite(&a, &of_b);
    fleet.server.overwrite(&b, &of_a);
    for scope in ["a", "b"] {
        fleet.is_mended("swapped", scope);
    }
    // And one for both.
    let of_a = fleet.bytes(&a);
    fleet.server.overwrite(&b, &of_a);
    fleet.is_mended("copied", "b");
}

/// H3: cuts.
#[test]
fn a_value_that_was_cut_or_lengthened_anywhere_is_replaced() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let length = fleet.bytes(&key).len();
    for cut in [1, 7, ORDER, ORDER + 1, VERSION, HEADER - 1, HEADER, HEADER + 1, HEADER + 16, length - 16, length - 1] {
        fleet.server.overwrite(&key, &fleet.bytes(&key)[..cut]);
        fleet.is_mended(&format!("cut after {cut}"), "a");
    }
    for more in [&b"\0"[..], b"more", &[0xff; 256]] {
        let longer = [&fleet.bytes(&key), more].concat();
        fleet.server.overwrite(&key, &longer);
        fleet.is_mended("lengthened", "a");
    }
    // Nothing is no value.
    fleet.server.overwrite(&key, b"");
    fleet.is_mended("emptied", "a");
}

/// H3: flips.
#[test]
fn a_value_with_any_bit_flipped_is_never_handed_out() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let length = fleet.bytes(&key).len();
    let sealed = (HEADER..length).step_by(97).chain([length - 17, length - 16, length - 1]);
    for at in (0..HEADER).step_by(3).chain([ORDER - 1, VERSION + 1, VERSION + 2, VERSION + 3]).chain(sealed) {
        for bit in [1, 0x80] {
            let mut flipped = fleet.bytes(&key);
            flipped[at] ^= bit;
            fleet.server.overwrite(&key, &flipped);
            fleet.is_mended(&format!("byte {at}, bit {bit}"), "a");
        }
    }
}

/// H3: replays.
#[test]
fn an_old_value_that_is_put_back_is_as_good_as_it_was_and_gives_way_to_the_next() {
    let fleet = Fleet::new();
    let (old, key) = fleet.filled("a");
    let replayed = fleet.bytes(&key);
    let [a, b, c] = &fleet.hosts;
    for _ in 0..3 {
        gets(a, &["--scope", "a", "--refresh"], "issuer");
    }
    fleet.server.overwrite(&key, &replayed);
    assert!(gets(b, &["--scope", "a"], "fleet") == old, "it is valid, and for this");
    let new = gets(b, &["--scope", "a", "--refresh"], "issuer");
    assert!(gets(c, &["--scope", "a"], "fleet") == new);

    // The same after the order was taken away.
    fleet.server.cli(&["DEL", &format!("{key}/order")]);
    let newer = gets(b, &["--scope", "a", "--refresh"], "issuer");
    chill(c);
    assert!(gets(c, &["--scope", "a"], "fleet") == newer);
}

/// H3: replays of what has ended. `clocks.rs` has the same for one that never was.
#[test]
fn an_ended_value_that_is_put_back_with_a_new_end_is_not_used() {
    let fleet = Fleet::new();
    let then = get(&fleet.hosts[0], &["--scope", "a"]).under(["faketime", "-f", "-2h"]);
    let old = comes_from(&then.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").run().success(), "issuer");
    let key = value(&fleet.server);
    let ended = fleet.bytes(&key);
    for end in [&["PEXPIRE", &key, "604800000"][..], &["PERSIST", &key]] {
        fleet.server.overwrite(&key, &ended);
        fleet.server.cli(end);
        assert!(fleet.is_mended("ended", "a") != old);
    }
}

/// H3: sizes.
#[test]
fn an_enormous_value_is_read_in_part_and_replaced() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let mebibytes = 10 * 1024 * 1024;
    for what in ["after the value", "in place of it", "by a hole"] {
        let inflated = match what {
            "after the value" => [fleet.bytes(&key), vec![0; mebibytes]].concat(),
            "in place of it" => vec![0xff; mebibytes],
            _ => Vec::new(),
        };
        if inflated.is_empty() {
            fleet.server.cli(&["SETRANGE", &key, "500000000", "x"]);
        } else {
            fleet.server.overwrite(&key, &inflated);
        }
        fleet.is_mended(what, "a");
        assert!(fleet.bytes(&key).len() < 4_096, "{what}");
    }
}

/// H3: the end of a value.
#[test]
fn a_value_without_an_end_ends_with_its_token() {
    let fleet = Fleet::new();
    let (token, key) = fleet.filled("a");
    for end in [&["PERSIST", &key][..], &["PEXPIRE", &key, "604800000"]] {
        fleet.server.cli(end);
        let found = get(&fleet.hosts[1], &["--scope", "a"]).run().success();
        let left = found.json()["expires_in"].as_u64().expect("seconds");
        assert!((3_000..=3_600).contains(&left) && comes_from(&found, "fleet") == token);
        chill(&fleet.hosts[1]);
    }
    // What the store takes away earlier is held for as long.
    fleet.server.cli(&["PEXPIRE", &key, "60000"]);
    let found = get(&fleet.hosts[1], &["--scope", "a"]).run().success();
    assert!(found.json()["expires_in"].as_u64().is_some_and(|left| left <= 60));
}

/// H3: orders.
#[test]
fn garbage_of_the_highest_order_is_replaced() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let mut right = fleet.bytes(&key);
    right[..ORDER].fill(0xff);
    for garbage in [right, vec![0xff; ORDER], vec![0xff; 700], [&[0xff; ORDER][..], b"TKR1"].concat()] {
        fleet.server.overwrite(&key, &garbage);
        fleet.is_mended("the highest order", "a");
        let order = u64::from_be_bytes(*fleet.bytes(&key).first_chunk().expect("an order"));
        assert!(order < 1_000, "and leaves no trace in the orders that follow: {order}");
    }
}

/// H3: leases.
#[test]
fn a_lease_that_no_host_gave_itself_keeps_nobody() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let lease = format!("{key}/lease");
    for (case, commands) in [
        ("no end", &[&["SET", &lease, "an operator"][..]][..]),
        ("a day", &[&["SET", &lease, "an operator", "PX", "86400000"]]),
        ("another type", &[&["SADD", &lease, "an operator"]]),
        ("another type for a day", &[&["SADD", &lease, "an operator"], &["PEXPIRE", &lease, "86400000"]]),
    ] {
        fleet.server.cli(&["DEL", &key]);
        commands.iter().for_each(|command| drop(fleet.server.cli(command)));
        fleet.is_mended(case, "a");
        assert_eq!(fleet.server.cli(&["EXISTS", &lease]), "0", "{case}: it was taken and given back");
    }
    // One as any host has it is waited for.
    fleet.server.cli(&["DEL", &key]);
    fleet.server.cli(&["SET", &lease, "another host", "PX", "1000"]);
    fleet.is_mended("a second", "a");
}

/// H3: the counter of orders.
#[test]
fn a_counter_that_counts_no_more_begins_anew_above_what_is_there() {
    let fleet = Fleet::new();
    let (_, key) = fleet.filled("a");
    let order = format!("{key}/order");
    let b = &fleet.hosts[1];
    for content in ["an operator's words", "9223372036854775807", "1e3", "99999999999999999999"] {
        assert_eq!(fleet.server.cli(&["SET", &order, content]), "OK");
        let refreshed = gets(b, &["--scope", "a", "--refresh"], "issuer");
        chill(&fleet.hosts[2]);
        assert!(gets(&fleet.hosts[2], &["--scope", "a"], "fleet") == refreshed, "{content}");
        // Where nothing is there, too.
        fleet.server.cli(&["DEL", &key]);
        assert_eq!(fleet.server.cli(&["SET", &order, content]), "OK");
        chill(b);
        let token = gets(b, &["--scope", "a"], "issuer");
        chill(&fleet.hosts[2]);
        assert!(gets(&fleet.hosts[2], &["--scope", "a"], "fleet") == token, "{content}");
        chill(b);
    }
    // Below what the values have it is made good.
    for content in ["0", "-9223372036854775808", "1"] {
        assert_eq!(fleet.server.cli(&["SET", &order, content]), "OK");
        let refreshed = gets(b, &["--scope", "a", "--refresh"], "issuer");
        chill(&fleet.hosts[2]);
        assert!(gets(&fleet.hosts[2], &["--scope", "a"], "fleet") == refreshed, "{content}");
    }
}
