//! A store that is gone, or does not do what it should: each host goes on alone, and says so once.

use super::host::{at, chill, comes_from, get, gets, host, issuer, patiently, share, value, wait_for_hosts};
use crate::common::authority::Authority;
use crate::common::issuer::Behaviour;
use crate::common::redis::{CLIENT, PASSWORD, RedisServer};
use crate::common::{Issuer, TestEnvironment};

/// One warning, a token, exit 0; and where the store is required exit 13, with nobody asked.
pub(super) fn is_of_no_use(case: &str, issuer: &Issuer, environment: &TestEnvironment, shared: &str) -> String {
    let asked = issuer.count("/token");
    share(environment, shared);
    chill(environment);
    let outcome = environment.tokenkeep(["token", "get"]).prints_token().run();
    assert_eq!(outcome.code, 0, "{case}: {outcome:?}");
    outcome.token();
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{case}: one line: {outcome:?}");
    let told =
        lines[0].strip_prefix("warning: fleet_unavailable: the fleet store is unavailable; continuing without it: ");
    let told = told.unwrap_or_else(|| panic!("{case}: {outcome:?}"));
    assert_eq!(issuer.count("/token"), asked + 1, "{case}");

    share(environment, &format!("{shared}required = true\n"));
    assert!(gets(environment, &[], "cache") == outcome.token(), "{case}: what it has it has");
    chill(environment);
    let outcome = environment.tokenkeep(["--json", "token", "get"]).run();
    assert_eq!(outcome.code, 13, "{case}: {outcome:?}");
    let error = outcome.fails(13, "fleet_unavailable").error();
    assert_eq!((&error["retryable"], &error["profile"]), (&true.into(), &"default".into()), "{case}");
    let message = error["message"].as_str().expect("a text");
    assert!(message.contains(told) && message.ends_with("; the issuer was not asked"), "{case}: {message}\n{told}");
    assert_eq!(issuer.count("/token"), asked + 1, "{case}: the issuer was not asked");
    told.to_owned()
}

/// It says this, and hides those words of the server.
fn assert_told(case: &str, told: &str, says: &str, hides: &str) {
    assert!(told.contains(says), "{case}: {told}");
    assert!(hides.is_empty() || !told.contains(hides), "{case}: {told}");
}

/// H1.
#[test]
fn without_the_store_there_is_a_token_and_one_warning_and_once_it_is_back_all_is_well() {
    let (issuer, mut server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    gets(&a, &[], "issuer");
    server.kill();
    let told = is_of_no_use("killed", &issuer, &b, &at(&server));
    assert_told("killed", &told, "it cannot be reached: connection refused", "");
    server.restart();
    // It comes back empty, and with nothing that a host would have to be told.
    let token = gets(&b, &[], "issuer");
    chill(&a);
    assert!(gets(&a, &[], "fleet") == token);
}

/// H2: a real one.
#[test]
fn a_store_that_stands_still_is_given_up_and_is_used_again_once_it_goes_on() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let [a, b] = [(); 2].map(|()| host(&issuer, &at(&server)));
    let token = gets(&a, &[], "issuer");
    server.stop();
    let told = is_of_no_use("stopped", &issuer, &b, &at(&server).replace("5s", "250ms"));
    assert_told("stopped", &told, "it did not answer in time", "");
    server.cont();
    share(&b, &at(&server));
    chill(&b);
    assert!(gets(&b, &[], "fleet") == token);
}

/// H1: what is cut while the issuer takes its time is made anew without a word.
#[test]
fn connections_that_the_store_ends_meanwhile_are_made_anew() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let hosts = [(); 4].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let running = hosts.each_ref().map(|host| get(host, &[]).spawn());
    issuer.wait_for_requests("/token", 1);
    for _ in 0..3 {
        wait_for_hosts(&server, hosts.len());
        assert_ne!(server.cli(&["CLIENT", "KILL", "TYPE", "normal"]), "0");
    }
    issuer.release();
    for one in running {
        let outcome = one.wait().success();
        assert_eq!(outcome.stderr, "", "{outcome:?}");
    }
    assert_eq!(issuer.count("/token"), 1);
}

/// H1. The second is asked where the first does not answer.
#[test]
fn of_several_hosts_of_a_url_the_first_that_answers_is_taken() {
    let (issuer, mut gone, server) = (issuer(), RedisServer::start(), RedisServer::start());
    gone.kill();
    let both = patiently(&format!("{},{}", gone.url(), server.address()));
    let [a, b] = [(); 2].map(|()| host(&issuer, &both));
    assert!(gets(&a, &[], "issuer") == gets(&b, &[], "fleet"));
}

/// H1: TLS.
#[test]
fn a_store_that_does_not_prove_who_it_is_is_told_nothing() {
    let (issuer, authority, plain) = (issuer(), Authority::new(), RedisServer::start());
    let secured = RedisServer::with_tls(&authority);
    let environment = known(&issuer);
    let trusting = |url: &str, ca: &Authority| {
        format!("{}ca_file = \"{}\"\n", as_client(&environment, url), ca.ca_file().display())
    };
    let as_other = |server: &RedisServer, scheme: &str| format!("{scheme}://{}", server.address());
    for (case, shared, says) in [
        ("another authority", trusting(&secured.url(), &Authority::new()), "TLS failed: "),
        ("the system's authorities", as_client(&environment, &secured.url()), "TLS failed: "),
        ("TLS to one that has none", trusting(&as_other(&plain, "rediss"), &authority), ""),
        ("no TLS to one that has it", as_client(&environment, &as_other(&secured, "redis")), ""),
    ] {
        // Where one speaks TLS and the other does not, each may wait for the other.
        let shared = if says.is_empty() { shared.replace("5s", "500ms") } else { shared };
        let told = is_of_no_use(case, &issuer, &environment, &shared);
        assert_told(case, &told, says, "Protocol error");
    }
    share(&environment, &trusting(&secured.url(), &authority));
    chill(&environment);
    let token = gets(&environment, &[], "issuer");
    chill(&environment);
    assert!(gets(&environment, &[], "fleet") == token, "with the right one it is shared");
}

/// A host that has the store's password in a file.
fn known(issuer: &Issuer) -> TestEnvironment {
    let environment = host(issuer, &patiently("redis://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    environment.write_secret("files/store", PASSWORD);
    environment.write_secret("files/wrong", "CANARY-PASSWORD-that-is-wrong");
    environment.canary("wrong password", "CANARY-PASSWORD-that-is-wrong");
    environment
}

fn as_client(environment: &TestEnvironment, url: &str) -> String {
    with_login(environment, url, CLIENT.user, "store")
}

fn with_login(environment: &TestEnvironment, url: &str, user: &str, file: &str) -> String {
    let file = environment.path("files").join(file);
    format!("{}user = \"{user}\"\npassword = {{ file = \"{}\" }}\n", patiently(url), file.display())
}

/// H1: AUTH and rights.
#[test]
fn a_store_that_does_not_know_the_user_or_gives_no_rights_is_of_no_use() {
    let (issuer, server) = (issuer(), RedisServer::with_users());
    let environment = known(&issuer);
    for (user, rights) in
        [("reads", "~tokenkeep/v1/* -@all +getrange +pttl"), ("elsewhere", "~another/* +@all"), ("nothing", "-@all")]
    {
        let password = format!(">{PASSWORD}");
        let words = ["ACL", "SETUSER", user, "on", &password].into_iter().chain(rights.split(' '));
        assert_eq!(server.cli(&words.collect::<Vec<_>>()), "OK");
    }
    let denied = "it refused the user or password, or the user may not do this";
    for (case, user, file, code, hides) in [
        ("a wrong password", CLIENT.user, "wrong", "(AUTH)", "username-password pair"),
        ("an unknown user", "nobody", "store", "(AUTH)", "username-password pair"),
        ("one who may only read", "reads", "store", "", "permissions to"),
        ("one who may use other keys", "elsewhere", "store", "(NOPERM)", "permissions to"),
        ("one who may do nothing", "nothing", "store", "(NOPERM)", "permissions to"),
    ] {
        let told = is_of_no_use(case, &issuer, &environment, &with_login(&environment, &server.url(), user, file));
        assert_told(case, &told, denied, hides);
        assert_told(case, &told, code, hides);
    }
    let nobody = is_of_no_use("no name", &issuer, &environment, &at(&server));
    assert_told("no name", &nobody, "(NOAUTH)", "Authentication required");
    share(&environment, &as_client(&environment, &server.url()));
    chill(&environment);
    let token = gets(&environment, &[], "issuer");
    chill(&environment);
    assert!(gets(&environment, &[], "fleet") == token, "with the right one it is shared");

    let server = RedisServer::with_password();
    let told = is_of_no_use("a user where none is known", &issuer, &environment, &at(&server));
    assert_told("no password", &told, "(NOAUTH)", "Authentication required");
}

/// H1: read-only, out of memory.
#[test]
fn a_store_that_takes_no_write_is_of_no_use() {
    let (issuer, master, full) = (issuer(), RedisServer::start(), RedisServer::full());
    let replica = RedisServer::replica_of(&master);
    let environment = host(&issuer, &at(&master));
    for (case, server, says, hides) in
        [("a replica", &replica, "READONLY", "You can't write"), ("no memory", &full, "OOM", "command not allowed")]
    {
        let told = is_of_no_use(case, &issuer, &environment, &at(server));
        assert_told(case, &told, &format!("it answered {says}"), hides);
    }
}

/// H1. What a replica has is good, and nothing has to be written to hand it out.
#[test]
fn a_replica_gives_what_its_master_has() {
    let (issuer, master) = (issuer(), RedisServer::start());
    let replica = RedisServer::replica_of(&master);
    let token = gets(&host(&issuer, &at(&master)), &[], "issuer");
    master.wait_for_replicas(1);
    assert!(gets(&host(&issuer, &at(&replica)), &[], "fleet") == token);
}

/// H1: wrong type.
#[test]
fn what_is_of_another_type_where_a_text_should_be_is_of_no_use() {
    let (issuer, server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &at(&server));
    gets(&environment, &[], "issuer");
    let value = value(&server);
    for (case, key, ends) in [
        ("value", value.clone(), None),
        ("lease", format!("{value}/lease"), Some("3000")),
        ("order", format!("{value}/order"), None),
    ] {
        server.cli(&["DEL", &value]);
        server.cli(&["DEL", &key]);
        server.cli(&["SADD", &key, "of another type"]);
        if case == "lease" {
            // One that nobody's lease could have is nobody's, whatever its type: see forged.rs.
            server.cli(&["PEXPIRE", &key, ends.expect("a lease ends")]);
            is_used_with_a_warning(&issuer, &environment, &at(&server));
        } else {
            let told = is_of_no_use(case, &issuer, &environment, &at(&server));
            assert_told(case, &told, "it answered WRONGTYPE", "Operation against");
        }
        server.cli(&["DEL", &key]);
        chill(&environment);
        share(&environment, &at(&server));
        gets(&environment, &[], "issuer");
        chill(&environment);
        gets(&environment, &[], "fleet");
    }
}

/// As [`is_of_no_use`], for what ends by itself while this looks.
fn is_used_with_a_warning(issuer: &Issuer, environment: &TestEnvironment, shared: &str) {
    let asked = issuer.count("/token");
    share(environment, shared);
    chill(environment);
    let outcome = environment.tokenkeep(["token", "get"]).prints_token().run().success();
    outcome.token();
    assert!(outcome.stderr.lines().count() <= 1, "{outcome:?}");
    assert!(outcome.stderr.is_empty() || outcome.stderr.contains("it answered WRONGTYPE"), "{outcome:?}");
    assert_eq!(issuer.count("/token"), asked + 1);
}

/// H1, H4: one request a host at most.
#[test]
fn a_store_that_dies_in_the_middle_costs_each_host_at_most_one_request() {
    let (issuer, mut server) = (issuer(), RedisServer::start());
    let hosts = [(); 4].map(|()| host(&issuer, &at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let running = hosts.each_ref().map(|host| get(host, &[]).spawn());
    issuer.wait_for_requests("/token", 1);
    wait_for_hosts(&server, hosts.len());
    server.kill();
    // Those who waited ask now.
    issuer.wait_for_requests("/token", hosts.len());
    issuer.release();
    for one in running {
        let outcome = one.wait().success();
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        comes_from(&outcome.says("fleet_unavailable"), "issuer");
    }
    assert_eq!(issuer.count("/token"), hosts.len());
    for host in &hosts {
        gets(host, &[], "cache");
    }
}

/// H1. What was asked for is handed out; only before the issuer is asked the store is a condition.
#[test]
fn a_required_store_that_dies_after_the_issuer_was_asked_keeps_nothing_from_the_caller() {
    let (issuer, mut server) = (issuer(), RedisServer::start());
    let environment = host(&issuer, &format!("{}required = true\n", at(&server)));
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let running = get(&environment, &[]).spawn();
    issuer.wait_for_requests("/token", 1);
    server.kill();
    issuer.release();
    let outcome = running.wait().success().says("fleet_unavailable");
    assert!(gets(&environment, &[], "cache") == comes_from(&outcome, "issuer"));
}
