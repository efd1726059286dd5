//! One host asks the issuer, the others have its token, and who has one asks nobody.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::host::{
    at, chill, comes_from, get, gets, host, host_with, issuer, patiently, share, value, values, wait_for_hosts,
};
use crate::common::authority::self_signed;
use crate::common::hostile_store::HostileStore;
use crate::common::issuer::{Behaviour, TOKEN_PREFIX};
use crate::common::redis::RedisServer;
use crate::common::{Issuer, TestEnvironment};
use crate::setup::{PROFILE, init, read};

/// H4 in small: one request for two hosts.
#[test]
fn the_second_host_has_the_token_of_the_first_and_keeps_it() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let token = gets(&a, &[], "issuer");
    let shared = get(&b, &[]).run().success();
    assert!(comes_from(&shared, "fleet") == token, "one token for both");
    let left = shared.json()["expires_in"].as_u64().expect("seconds");
    assert!((3_000..=3_600).contains(&left), "{left} s are left");
    assert!(gets(&b, &[], "cache") == token && gets(&a, &[], "cache") == token);
    assert_eq!(issuer.count("/token"), 1);
    // The lease was given back, and the value ends with the token.
    assert_eq!(server.keys(), [value(&server), format!("{}/order", value(&server))]);
    let ends: i64 = server.cli(&["PTTL", &value(&server)]).parse().expect("milliseconds");
    assert!((3_000_000..=3_600_000).contains(&ends), "{ends} ms");

    // In text it is the token and nothing else.
    chill(&b);
    let text = b.tokenkeep(["token", "get"]).prints_token().run().success();
    assert!(text.token() == token && text.stderr.is_empty());
}

/// Promise of the fast path: the store is none of a warm host's business, and the secret none of one that shares.
#[test]
fn a_warm_get_opens_no_socket_and_one_that_finds_the_shared_token_does_not_open_the_secret() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let opens_secret = |environment: &TestEnvironment, trace: &str| trace.contains(&file_of_secret(environment));
    let cold = traced(&a, "issuer");
    assert!(opens_secret(&a, &cold) && cold.contains(" connect("), "whoever asks the issuer needs the secret:\n{cold}");
    let shared = traced(&b, "fleet");
    assert!(!opens_secret(&b, &shared) && shared.contains(" connect("), "a shared token needs none:\n{shared}");
    for warm in [&a, &b] {
        let trace = traced(warm, "cache");
        let network = [" socket(", " socketpair(", " connect(", " sendto(", " bind("];
        assert!(!network.iter().any(|call| trace.contains(call)), "a warm get stays at home:\n{trace}");
        assert!(!trace.contains("/secrets"), "and needs no key of the fleet:\n{trace}");
    }
    assert_eq!(issuer.count("/token"), 1);
}

/// What a `token get` opens, and its calls that have to do with a network.
fn traced(environment: &TestEnvironment, source: &str) -> String {
    let file = environment.path("files/trace");
    let strace = ["strace", "-f", "-y", "-s", "0", "-e", "trace=open,openat,openat2,%network", "-o"];
    let strace = strace.map(std::ffi::OsString::from).into_iter().chain([file.clone().into()]);
    comes_from(&get(environment, &[]).under(strace).run().success(), source);
    read(&file)
}

/// The name of the file that the client's secret is sealed in.
fn file_of_secret(environment: &TestEnvironment) -> String {
    let profile = read(&environment.path(PROFILE));
    let line = profile.lines().find(|line| line.starts_with("generation")).expect("a stored secret has a generation");
    let generation = line.split('"').nth(1).expect("it is a text");
    let digest = Sha256::digest(format!("credential/{generation}"));
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(environment.data_dir().join("secrets").join(&name).exists(), "the secret lies there");
    name
}

#[test]
fn refresh_gets_one_that_is_newer_for_those_who_have_none() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let first = gets(&a, &[], "issuer");
    let second = gets(&b, &["--refresh"], "issuer");
    assert!(second != first);
    assert!(gets(&a, &[], "cache") == first, "what a host has it keeps");
    assert!(gets(&c, &[], "fleet") == second, "who has none has the newer one");
    assert_eq!(issuer.count("/token"), 2);
}

/// H4.
#[test]
fn of_hosts_that_refresh_at_once_one_asks_again_for_all_who_came_after_the_first() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let hosts = [(); 4].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let first = get(&hosts[0], &["--refresh"]).spawn();
    issuer.wait_for_requests("/token", 1);
    let others: Vec<_> = hosts[1..].iter().map(|host| get(host, &["--refresh"]).spawn()).collect();
    wait_for_hosts(&server, 4);
    issuer.release();
    let first = comes_from(&first.wait().success(), "issuer");
    let others: Vec<_> = others.into_iter().map(|other| other.wait().success().json()).collect();
    assert_eq!(issuer.count("/token"), 2, "the second was asked for after all of them had begun");
    let asked = others.iter().filter(|other| other["source"] == "issuer").count();
    assert_eq!(asked, 1);
    assert!(others.iter().all(|other| other["access_token"] == others[0]["access_token"]));
    assert!(others[0]["access_token"] != first);
}

#[test]
fn offline_asks_neither_the_store_nor_the_issuer() {
    let issuer = issuer();
    let store = HostileStore::silent();
    for required in ["", "required = true"] {
        let environment = host(&issuer, &format!("{}{required}", patiently(&store.url())));
        environment.tokenkeep(["--json", "token", "get", "--offline"]).run().fails(5, "token_not_valid");
    }
    let server = RedisServer::start();
    let environment = host(&issuer, &at(&server));
    let token = gets(&environment, &[], "issuer");
    share(&environment, &patiently(&store.url()));
    assert!(gets(&environment, &["--offline"], "cache") == token);
    let longer = environment.tokenkeep(["--json", "token", "get", "--offline", "--min-ttl", "2h"]).run();
    longer.fails(5, "token_not_valid");
    assert_eq!((store.connections(), issuer.count("/token")), (0, 1));
}

/// G3, among hosts.
#[test]
fn a_token_that_is_shorter_than_all_hosts_want_costs_each_of_them_one_request_at_a_time() {
    let (issuer, server) = (issuer(), RedisServer::start());
    issuer.set(json!({ "expires_in": 600 }));
    let [a, b, c] = [(); 3].map(|()| host(&issuer, &at(&server)));
    let hour = &["--min-ttl", "1h"];
    // Each that asks is warned that the next one will have to ask, too.
    let asks = |host: &TestEnvironment| {
        let outcome = get(host, hour).run().success().says("min_ttl_above_lifetime");
        comes_from(&outcome, "issuer")
    };
    let (first, second) = (asks(&a), asks(&b));
    assert!(second != first && issuer.count("/token") == 2, "it asked once and took what came");
    assert!(gets(&c, &[], "fleet") == second, "for others it is good");
    assert_eq!(issuer.count("/token"), 2);
}

/// G3, H4.
#[test]
fn hosts_that_wait_for_a_token_which_turns_out_to_be_short_take_it() {
    let (issuer, server) = (issuer(), RedisServer::start());
    issuer.set(json!({ "expires_in": 600 }));
    let hosts = [(); 3].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let hour = &["--min-ttl", "1h"];
    let first = get(&hosts[0], hour).spawn();
    issuer.wait_for_requests("/token", 1);
    let others: Vec<_> = hosts[1..].iter().map(|host| get(host, hour).spawn()).collect();
    wait_for_hosts(&server, 3);
    issuer.release();
    let token = comes_from(&first.wait().success(), "issuer");
    for other in others {
        assert!(comes_from(&other.wait().success(), "fleet") == token);
    }
    assert_eq!(issuer.count("/token"), 1);
}

/// F2, among hosts.
#[test]
fn each_request_is_shared_by_itself() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let requests: [&[&str]; 7] = [
        &[],
        &["--scope", "a b"],
        &["--scope", "a"],
        &["--audience", "https://api.example"],
        &["--resource", "https://api.example/a"],
        &["--resource", "https://api.example/a", "--resource", "https://api.example/b"],
        &["--param", "tenant=one"],
    ];
    let tokens = requests.map(|options| gets(&a, options, "issuer"));
    for (index, options) in requests.iter().enumerate() {
        assert!(!tokens[..index].contains(&tokens[index]), "{options:?} is a token of its own");
        assert!(gets(&b, options, "fleet") == tokens[index], "{options:?} is found by another host");
    }
    // A scope is a set, on whatever host.
    chill(&b);
    assert!(gets(&b, &["--scope", "b", "--scope", "a", "--scope", "b"], "fleet") == tokens[1]);
    assert_eq!((issuer.count("/token"), values(&server).len()), (requests.len(), requests.len()));
}

#[test]
fn fleets_of_different_namespaces_do_not_meet() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let namespaces = ["default", "blue", "green"];
    let tokens = namespaces.map(|namespace| {
        let shared = format!("{}namespace = \"{namespace}\"\n", at(&server));
        let [a, b] = [(); 2].map(|()| host(&issuer, &shared));
        let token = gets(&a, &[], "issuer");
        assert!(gets(&b, &[], "fleet") == token, "{namespace}");
        token
    });
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert_eq!(values(&server).len(), 3);
    // The one that nobody names.
    assert!(gets(&host(&issuer, &at(&server)), &[], "fleet") == tokens[0]);
}

#[test]
fn a_token_that_only_one_host_can_use_is_not_shared() {
    let server = RedisServer::start();
    let dpop = issuer();
    dpop.set(json!({ "members": { "token_type": "DPoP" } }));
    for asked in 1..=2 {
        let environment = host_with(&dpop, &at(&server), &["--dpop"]);
        gets(&environment, &[], "issuer");
        gets(&environment, &[], "cache");
        assert_eq!(dpop.count("/token"), asked, "each host has its own");
        taken_alone(&environment, &server);
    }
    let tls = Issuer::start_with_tls();
    let token = format!("{TOKEN_PREFIX}bound-to-a-certificate");
    tls.answer("/token", 200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600 }));
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        let environment = TestEnvironment::new();
        share(&environment, &at(&server));
        init(&environment);
        let identity = self_signed("svc.test");
        let certificate = environment.write("files/client.pem", &identity.certificate).display().to_string();
        environment.canary("a line of a client's key", identity.key.lines().nth(1).expect("a PEM has a body"));
        let (ca_file, token_url) = (tls.ca_file().display().to_string(), tls.token_url());
        let set = environment.tokenkeep(["credentials", "set", "--secret-stdin", "--client-id", "me"]);
        let set = set.args(["--token-url", &token_url, "--ca-file", &ca_file, "--auth", method]);
        set.args(["--certificate-file", &certificate]).stdin(&identity.key).run().success();
        gets(&environment, &[], "issuer");
        taken_alone(&environment, &server);
    }
}

/// Nothing of it is in the store, and nothing is looked for there.
fn taken_alone(environment: &TestEnvironment, server: &RedisServer) {
    let listed = environment.tokenkeep(["--json", "token", "list"]).run().success();
    assert_eq!((listed.json().as_array().map(Vec::len), listed.json()[0]["place"].as_str()), (Some(1), Some("cache")));
    environment.tokenkeep(["token", "forget", "--fleet"]).run().success().says("0 shared");
    assert_eq!(server.keys(), [""; 0]);
}
