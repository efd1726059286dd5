//! The servers of a fleet store keep their promises: what they take, what they refuse, and what is left when they die.

mod hostile;
#[cfg(target_os = "linux")]
mod hosts;
mod many;

use crate::common::TestEnvironment;
use crate::common::authority::Authority;
use crate::common::redis::{CLIENT, Login, RedisOptions, RedisServer};

/// A key of a client.
const KEY: &str = "tokenkeep/v1/key";
/// One who gives no name.
const NOBODY: Login = Login { user: "default", password: "" };
const NOAUTH: &str = "NOAUTH Authentication required.";

#[test]
fn a_server_that_is_killed_comes_back_empty_on_the_same_port() {
    let mut server = RedisServer::start();
    let port = server.port();
    assert_eq!(server.cli(&["SET", KEY, "value"]), "OK");
    assert_eq!(server.keys(), [KEY]);
    server.kill();
    assert!(!server.is_running());
    assert!(server.client().try_ask(&["PING"]).is_err(), "nobody listens");
    server.restart();
    assert_eq!((server.port(), server.keys().len()), (port, 0));
    assert_eq!(server.url(), format!("redis://127.0.0.1:{port}"));
}

#[test]
fn with_persistence_a_killed_server_comes_back_with_everything() {
    let mut server = RedisOptions::new().persistent().start();
    server.cli(&["SET", KEY, "value"]);
    server.kill();
    server.restart();
    assert_eq!(server.get(KEY), Some(b"value".to_vec()));
}

#[test]
fn a_server_that_is_stopped_answers_once_it_goes_on() {
    let server = RedisServer::start();
    server.stop();
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.cli(&["PING"]));
        server.cont();
        asked.join().expect("it is answered")
    });
    assert_eq!(asked, "PONG");
}

#[test]
fn a_server_dropped_while_it_is_stopped_is_gone() {
    let server = RedisServer::start();
    let pid = server.pid();
    server.stop();
    drop(server);
    assert!(rustix::process::test_kill_process(pid).is_err(), "it is gone and waited for");
}

#[test]
fn values_are_read_and_written_over_byte_by_byte_and_end_when_they_would_have() {
    let server = RedisServer::start();
    assert_eq!(server.get(KEY), None);
    server.cli(&["SET", KEY, "", "PX", "600000"]);
    assert_eq!(server.get(KEY), Some(Vec::new()));
    let value: Vec<u8> = (0..=255).chain(*b"\n\n").cycle().take(100_000).collect();
    server.overwrite(KEY, &value);
    assert!(server.get(KEY) == Some(value), "all bytes come back");
    let left: i64 = server.cli(&["PTTL", KEY]).parse().expect("milliseconds");
    assert!((1..=600_000).contains(&left), "{left} ms are left");
}

#[test]
fn a_monitor_shows_every_command_that_came_before_its_end() {
    let server = RedisServer::start();
    let monitor = server.monitor();
    (0..50).for_each(|number| assert_eq!(server.cli(&["SET", KEY, &number.to_string()]), "OK"));
    let shown = monitor.finish();
    for number in 0..50 {
        assert!(shown.contains(&format!("\"SET\" \"{KEY}\" \"{number}\"")), "{shown}");
    }
    server.cli(&["SET", KEY, "after"]);
    assert!(!shown.contains("after"));
}

#[test]
fn the_monitor_of_a_server_that_was_killed_shows_what_it_had_seen() {
    let mut server = RedisServer::start();
    let monitor = server.monitor();
    server.cli(&["SET", KEY, "value"]);
    server.kill();
    // What it had not yet sent is lost with it.
    assert!(monitor.finish().starts_with("OK\n"));
}

#[test]
fn a_dump_shows_values_as_they_are() {
    let server = RedisServer::start();
    let value = "compressible ".repeat(100);
    server.cli(&["SET", KEY, &value]);
    let dump = server.dump();
    let shows = |text: &str| dump.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(shows(KEY) && shows(&value) && !shows("something else"));
}

#[test]
fn a_server_with_a_password_refuses_those_without_it() {
    let server = RedisServer::with_password();
    assert_eq!(server.cli(&["SET", KEY, "value"]), "OK");
    assert_eq!(server.client().as_user(NOBODY).ask(&["GET", KEY]), NOAUTH);
}

#[test]
fn a_clients_user_may_do_what_a_client_does_with_its_own_keys_and_no_more() {
    let server = RedisServer::with_users();
    may_do_what_a_client_does(&server);
}

#[test]
fn over_tls_the_same_user_may_do_the_same_and_without_tls_nobody_anything() {
    let authority = Authority::new();
    let server = RedisServer::with_tls(&authority);
    assert_eq!(server.url(), format!("rediss://127.0.0.1:{}", server.port()));
    may_do_what_a_client_does(&server);
    let environment = TestEnvironment::new();
    let port = server.port().to_string();
    let plain = environment.program("redis-cli", ["-p", &port, "PING"]).run();
    assert!(!plain.stdout_str().contains("PONG") && !plain.stdout_str().contains("NOAUTH"), "{plain:?}");
    let secured = |host: &str, ca: &Authority| {
        let command = environment.program("redis-cli", ["-h", host, "-p", &port, "--sni", host, "--tls", "--cacert"]);
        command.arg(ca.ca_file()).arg("PING").run()
    };
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(secured(host, &authority).stdout_str().trim_end(), NOAUTH);
        assert!(secured(host, &Authority::new()).exits(1).stdout.is_empty(), "another authority's name is not enough");
    }
}

fn may_do_what_a_client_does(server: &RedisServer) {
    let client = server.client().as_user(CLIENT);
    let lease = format!("{KEY}/lease");
    let script = "redis.call('SET', KEYS[1], ARGV[1], 'PX', 3000) redis.call('INCR', KEYS[2]) return 'done'";
    for (words, answer) in [
        (&["PING"][..], "PONG"),
        (&["SET", KEY, "value", "PX", "600000"], "OK"),
        (&["GETRANGE", KEY, "0", "3"], "valu"),
        (&["GET", KEY], "value"),
        (&["EXISTS", KEY], "1"),
        (&["EVAL", script, "2", &lease, "tokenkeep/v1/key/order", "owner"], "done"),
        (&["PEXPIRE", KEY, "600000"], "1"),
        (&["DEL", &lease], "1"),
    ] {
        assert_eq!(client.ask(words), answer, "{words:?}");
    }
    for words in [
        &["KEYS", "*"][..],
        &["CONFIG", "GET", "*"],
        &["FLUSHALL"],
        &["GET", "another"],
        &["EVAL", "return redis.call('SET', 'another', 'value')", "0"],
        &["EVAL", "return redis.call('KEYS', '*')", "0"],
    ] {
        let answer = client.ask(words);
        let refused =
            ["NOPERM ", "ERR The user executing the script can't "].iter().any(|with| answer.starts_with(with));
        assert!(refused, "{words:?}: {answer}");
    }
    assert_eq!(server.client().as_user(NOBODY).ask(&["GET", KEY]), NOAUTH);
}

#[test]
fn a_replica_has_what_its_master_has_and_takes_no_write() {
    let master = RedisServer::start();
    master.cli(&["SET", KEY, "value"]);
    let replica = RedisServer::replica_of(&master);
    assert_eq!(replica.get(KEY), Some(b"value".to_vec()));
    assert_eq!(replica.cli(&["SET", KEY, "another"]), "READONLY You can't write against a read only replica.");
}

#[test]
fn a_full_server_answers_and_takes_nothing_more() {
    let server = RedisServer::full();
    assert_eq!(server.cli(&["GET", KEY]), "");
    let refused = server.cli(&["SET", KEY, "value"]);
    assert!(refused.starts_with("OOM "), "{refused}");
}

#[test]
fn valkey_is_served_by_the_same_harness() {
    let mut server = RedisServer::valkey();
    assert!(server.cli(&["INFO", "server"]).contains("server_name:valkey"));
    let monitor = server.monitor();
    server.cli(&["SET", KEY, "value"]);
    assert!(monitor.finish().contains(KEY));
    assert!(server.dump().windows(5).any(|window| window == b"value"));
    server.kill();
    server.restart();
    assert!(server.keys().is_empty());
}
