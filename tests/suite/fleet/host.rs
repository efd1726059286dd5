//! A host of a fleet: a home of its own, with the client's credential, and the store that the others name as well.

use crate::common::condition::wait_until;
use crate::common::issuer::CLIENT_ID;
use crate::common::redis::RedisServer;
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};
use crate::setup::init;

/// The client's secret, as an issuer makes one: the key of a fleet is derived from it.
pub(crate) const SECRET: &str = "CANARY-SECRET-0f9a61d7c24be8355d90a7f3b16c2e84";

/// An issuer that knows the client by [`SECRET`].
pub(crate) fn issuer() -> Issuer {
    Issuer::start_with(["--client", &format!("{CLIENT_ID}:{SECRET}")])
}

/// `[fleet]` for a store; what a busy machine needs is not the store's doing.
pub(crate) fn at(server: &RedisServer) -> String {
    patiently(&server.url())
}

/// The same for the address of anything.
pub(crate) fn patiently(url: &str) -> String {
    format!("url = \"{url}\"\nbudget = \"5s\"\n")
}

/// A host that has asked for nothing yet.
pub(crate) fn host(issuer: &Issuer, shared: &str) -> TestEnvironment {
    host_with(issuer, shared, &[])
}

/// The same with options of `credentials set`.
pub(crate) fn host_with(issuer: &Issuer, shared: &str, options: &[&str]) -> TestEnvironment {
    let environment = TestEnvironment::new();
    share(&environment, shared);
    init(&environment);
    set(&environment, issuer, SECRET, options).run().success();
    // Tokens that need a proof are no fleet's.
    if !options.contains(&"--dpop") {
        vouch(&environment, &[]);
    }
    environment
}

/// Vouches that the secret of a profile is random, so that a fleet key is derived from it.
pub(crate) fn vouch(environment: &TestEnvironment, options: &[&str]) {
    environment.tokenkeep(["fleet", "key", "derive"]).args(options).run().success();
}

/// A run of `credentials set` for the client of [`issuer`].
pub(crate) fn set(environment: &TestEnvironment, issuer: &Issuer, secret: &str, options: &[&str]) -> Invocation {
    let set = environment.tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin"]);
    set.args(["--token-url", &issuer.token_url()]).args(options).stdin(secret)
}

/// Writes `[fleet]` anew.
pub(crate) fn share(environment: &TestEnvironment, shared: &str) {
    environment.write("config/config.toml", format!("[fleet]\n{shared}\n"));
}

/// A run of `token get` that tells where the token came from.
pub(crate) fn get(environment: &TestEnvironment, options: &[&str]) -> Invocation {
    environment.tokenkeep(["--json", "token", "get"]).args(options).prints_token()
}

/// Gets a token that comes from there, with nothing said.
pub(crate) fn gets(environment: &TestEnvironment, options: &[&str], source: &str) -> String {
    let outcome = get(environment, options).run().success();
    assert_eq!(outcome.stderr, "", "{options:?} from {source}");
    comes_from(&outcome, source)
}

/// The token of an outcome, which came from there.
pub(crate) fn comes_from(outcome: &Outcome, source: &str) -> String {
    let json = outcome.json();
    assert_eq!(json["source"], source, "{outcome:?}");
    json["access_token"].as_str().expect("a token is text").to_owned()
}

/// Lets a host forget what it has cached; the fleet keeps its own.
pub(crate) fn chill(environment: &TestEnvironment) {
    environment.tokenkeep(["token", "forget", "--all"]).run().success();
}

/// The keys of the values in a store, without those of leases and orders.
pub(crate) fn values(server: &RedisServer) -> Vec<String> {
    server.keys().into_iter().filter(|key| key.ends_with('}')).collect()
}

/// The only one of them.
pub(crate) fn value(server: &RedisServer) -> String {
    let mut values = values(server);
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => value,
        _ => panic!("there is not one value: {:?}", server.keys()),
    }
}

/// Waits until this many hosts are connected and have asked for a lease.
pub(crate) fn wait_for_hosts(server: &RedisServer, count: usize) {
    let asked = || server.cli(&["CLIENT", "LIST"]).lines().filter(|line| line.contains(" cmd=eval ")).count();
    wait_until("hosts have asked for a lease", || asked() >= count);
}
