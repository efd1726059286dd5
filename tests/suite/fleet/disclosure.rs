//! Whoever runs the store sees counts, sizes and times: not a token, a client, an issuer, a scope, or a host.

use std::collections::HashSet;

use serde_json::json;

use super::host::{SECRET, at, gets, host, set, share, values, vouch};
use crate::common::canary::{Canary, scan_bytes};
use crate::common::issuer::CLIENT_ID;
use crate::common::redis::RedisServer;
use crate::common::{Invocation, Issuer, TestEnvironment, skipped};
use crate::setup::init;

const PROFILE_NAME: &str = "canary-profile-7c1e52";
const ISSUER_NAME: &str = "canary-issuer-b7d0f3.example";
const SCOPE: &str = "canary:scope:5f3ab1";
const AUDIENCE: &str = "https://canary-audience-93cc27.example/api";
const RESOURCE: &str = "https://canary-resource-01fe8d.example/";
const PARAMETER: &str = "canary-tenant-4d6b88";
const USER: &str = "canary-user-e1f2a9";
const MACHINE: &str = "canary-host-60b7d5";
const CLIENT: &str = "canary-client-2a94f0";

/// Everything that two hosts do, by turns; what is said of it is searched.
struct Seen {
    monitor: String,
    dump: Vec<u8>,
    values: Vec<(String, Vec<u8>)>,
    canaries: Vec<Canary>,
}

fn seen() -> Option<Seen> {
    let issuer = Issuer::start_with(["--client", &format!("{CLIENT}:{SECRET}")]);
    let server = RedisServer::start();
    let hosts = [(); 2].map(|()| TestEnvironment::new());
    let probe = hosts[0].program("true", [""; 0]).under(machine()).run();
    if probe.code != 0 {
        skipped("this machine gives no other host name");
        return None;
    }
    let monitor = server.monitor();
    let (token_url, issuer_name) = (issuer.token_url(), format!("https://{ISSUER_NAME}"));
    let parameter = format!("tenant={PARAMETER}");
    let set = ["-p", PROFILE_NAME, "credentials", "set", "--secret-stdin", "--client-id", CLIENT];
    let set = [&set[..], &["--token-url", &token_url, "--issuer", &issuer_name, "--scope", SCOPE]].concat();
    let set = [&set[..], &["--audience", AUDIENCE, "--resource", RESOURCE, "--param", &parameter]].concat();
    let mut tokens = HashSet::new();
    let mut sources = Vec::new();
    for environment in &hosts {
        share(environment, &at(&server));
        here(environment.tokenkeep(["init", "--backend", "file"])).run().success();
        here(environment.tokenkeep(&set)).stdin(SECRET).run().success();
        here(environment.tokenkeep(["fleet", "key", "derive", "-p", PROFILE_NAME])).run().success();
        for options in [&["get"][..], &["get"], &["get", "--refresh"], &["get", "--scope", "canary:scope:5f3ab1:more"]]
        {
            let get = here(environment.tokenkeep(["--json", "token"])).args(options).prints_token().run().success();
            tokens.insert(get.json()["access_token"].as_str().expect("a token is text").to_owned());
            sources.push(get.json()["source"].as_str().expect("a text").to_owned());
        }
    }
    let values = values(&server).into_iter().map(|key| (key.clone(), server.get(&key).expect("it is there"))).collect();
    let dump = server.dump();
    for command in [
        &["token", "list"][..],
        &["doctor"],
        &["--json", "doctor", "--online"],
        &["token", "forget", "--fleet"],
        &["token", "get"],
        &["token", "forget", "--all", "--fleet"],
    ] {
        let outcome = here(hosts[1].tokenkeep(command)).prints_token().run();
        assert!(outcome.code == 0, "{command:?}: {outcome:?}");
    }
    let all = ["issuer", "cache", "issuer", "issuer", "fleet", "cache", "issuer", "fleet"];
    assert_eq!(sources, all, "all ways were gone");
    let mut canaries: Vec<_> = tokens.iter().map(|token| Canary::new("a token", token)).collect();
    for (name, value) in [
        ("the beginning of tokens", crate::common::issuer::TOKEN_PREFIX),
        ("the client's secret", SECRET),
        ("the client", CLIENT),
        ("the issuer", ISSUER_NAME),
        ("the token endpoint", token_url.trim_start_matches("http://")),
        ("the scope", SCOPE),
        ("the audience", AUDIENCE),
        ("the resource", RESOURCE),
        ("a parameter", PARAMETER),
        ("the profile", PROFILE_NAME),
        ("the user", USER),
        ("the machine", MACHINE),
    ] {
        canaries.push(Canary::new(name, value));
    }
    Some(Seen { monitor: monitor.finish(), dump, values, canaries })
}

/// A run on a machine and by a user with names that can be told from chance.
fn here(run: Invocation) -> Invocation {
    run.under(machine()).env("USER", USER).env("LOGNAME", USER).env("HOSTNAME", MACHINE)
}

fn machine() -> Vec<String> {
    let script = format!("hostname {MACHINE} && exec \"$@\"");
    let own_root: &[&str] = if crate::common::environment::is_root() { &[] } else { &["--user", "--map-root-user"] };
    let words = [&["unshare", "--uts"], own_root, &["sh", "-c", &script, "sh"]].concat();
    words.into_iter().map(str::to_owned).collect()
}

/// H8.
#[test]
fn neither_what_is_asked_of_the_store_nor_what_it_keeps_shows_a_secret_or_a_name() {
    let Some(Seen { monitor, dump, values, canaries }) = seen() else { return };
    // This shows something only where everything was seen.
    assert!(["GETRANGE", "EVAL", "DEL"].iter().all(|command| monitor.contains(&format!("\"{command}\""))), "{monitor}");
    assert_eq!(values.len(), 2);
    for (key, value) in &values {
        let within = |bytes: &[u8]| dump.windows(bytes.len()).any(|window| window == bytes);
        assert!(within(key.as_bytes()) && within(value), "the dump has it whole");
        assert!(monitor.contains(key.as_str()));
    }
    let mut findings = scan_bytes(&canaries, "MONITOR", monitor.as_bytes());
    findings.extend(scan_bytes(&canaries, "the dump", &dump));
    assert!(findings.is_empty(), "{findings:?}");
    // The scan finds what MONITOR escapes.
    let escaped = monitor.replace("GETRANGE", &SECRET.replace('-', "\\x2d"));
    assert!(!scan_bytes(&canaries, "MONITOR", escaped.as_bytes()).is_empty());
}

/// H8.
#[test]
fn all_keys_are_digests_and_the_client_does_not_introduce_itself() {
    let Some(Seen { monitor, .. }) = seen() else { return };
    for line in monitor.lines().filter(|line| line.contains("tokenkeep/")) {
        for part in line.split("tokenkeep/").skip(1) {
            let digest = part.strip_prefix("v1/{").and_then(|part| part.split_once('}'));
            let (digest, end) = digest.unwrap_or_else(|| panic!("a key of another form: {line}"));
            assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            assert!(["\"", "/lease\"", "/order\""].iter().any(|known| end.starts_with(known)), "{line}");
        }
    }
    let commands = monitor.lines().filter(|line| !line.contains(" lua]")).filter_map(|line| line.split('"').nth(1));
    let commands: HashSet<_> = commands.map(str::to_uppercase).collect();
    let known = ["GETRANGE", "PTTL", "EVAL", "DEL", "KEYS", "GET", "EXISTS", "SAVE"].map(str::to_owned);
    assert!(commands.iter().all(|command| known.contains(command)), "{commands:?}");
}

/// H8: nobody can tell whose a record is, nor that two are of one client.
#[test]
fn two_records_have_nothing_in_common_whosoever_they_are() {
    let server = RedisServer::start();
    let other_secret = "CANARY-SECRET-77c1e08a5b3d94f2160bce4d8af95e30";
    let clients = [SECRET, other_secret].map(|secret| {
        let issuer = Issuer::start_with(["--client", &format!("{CLIENT_ID}:{secret}")]);
        (issuer, secret)
    });
    // The same token in all of them: then only the seal makes the difference.
    let token = "CANARY-TOKEN-the-same-for-all-of-them";
    for (issuer, secret) in &clients {
        issuer.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }));
        let environment = TestEnvironment::new();
        share(&environment, &at(&server));
        init(&environment);
        set(&environment, issuer, secret, &[]).run().success();
        vouch(&environment, &[]);
        gets(&environment, &[], "issuer");
        gets(&environment, &["--scope", "another"], "issuer");
    }
    let mut records = Vec::new();
    for key in values(&server) {
        records.push((key.clone(), server.get(&key).expect("it is there")));
    }
    assert_eq!(records.len(), 4);
    // The same request once more, too.
    gets(&host(&clients[0].0, &at(&server)), &["--refresh"], "issuer");
    let refreshed = values(&server).into_iter().find_map(|key| {
        let value = server.get(&key).expect("it is there");
        records.iter().all(|(_, known)| *known != value).then_some((key, value))
    });
    let refreshed = refreshed.expect("a value was replaced");
    for (index, (key, value)) in records.iter().enumerate() {
        for (other_key, other) in records[index + 1..].iter().chain([&refreshed]) {
            let ((key, value), (other_key, other)) = (parts(key, value), parts(other_key, other));
            assert!(key == other_key || common(key, other_key, 9) == 0, "the names have something in common");
            assert_eq!(value.len(), other.len(), "sizes come in steps");
            assert_eq!(value[8..16], other[8..16], "magic, version and kind");
            // The order before them, and the length after them, say how often and how large.
            for (one, another) in [(16..72, 16..72), (76..value.len(), 76..other.len())] {
                assert_eq!(common(&value[one], &other[another], 5), 0, "the records have something in common");
            }
        }
    }
}

/// The digest of a key, and the value.
fn parts<'a>(key: &'a str, value: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let (_, digest) = key.split_once('{').expect("a key has a digest");
    (digest.trim_end_matches('}').as_bytes(), value)
}

/// How many runs of this length stand in both, wherever.
fn common(one: &[u8], other: &[u8], length: usize) -> usize {
    let runs: HashSet<_> = one.windows(length).collect();
    other.windows(length).filter(|run| runs.contains(run)).count()
}
