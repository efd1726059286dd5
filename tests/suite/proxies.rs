//! The way to an issuer: proxies, IPv6, a name with a dead address, no network at all.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::json;

use crate::common::environment::is_root;
use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET, Certificate};
use crate::common::{Invocation, Issuer, Outcome, TestEnvironment, skipped};
use crate::setup::{assert_refused, credential, get, get_json, init, read, set_credential};

/// The name in the certificate that the fixture calls the wrong one; nobody resolves it.
pub(crate) const HOST: &str = "elsewhere.test";
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// A proxy of its own process; it ends when this is dropped.
pub(crate) struct Proxy {
    child: Child,
    _stdin: ChildStdin,
    port: u16,
    log: PathBuf,
}

impl Proxy {
    pub(crate) fn start(environment: &TestEnvironment, status: &[&str]) -> Self {
        // Below the root: the scan for secrets reads what the proxy saw.
        let log = environment.path(format!("files/proxy{}.log", status.concat()));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/proxy.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(&log)
            .args(status)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let stdin = child.stdin.take().expect("stdin is piped");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the proxy says where it listens");
        Self { child, _stdin: stdin, port: line.trim().parse().expect("a port"), log }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far, by their first line.
    fn asked(&self) -> Vec<String> {
        let lines = |text: String| text.lines().filter(|line| line.contains(" HTTP/1.1")).map(str::to_owned).collect();
        std::fs::read_to_string(&self.log).map(lines).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An issuer that is known by a name that leads nowhere without a proxy.
struct Remote {
    issuer: Issuer,
    environment: TestEnvironment,
}

impl Remote {
    fn start() -> Self {
        let issuer = Issuer::start_with_tls();
        issuer.offer_certificate(Certificate::WrongName);
        let environment = TestEnvironment::new();
        init(&environment);
        Self { issuer, environment }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.issuer.address().port())
    }

    /// Sets the credential for the token endpoint and the probe.
    fn set(self) -> Self {
        let ca_file = self.issuer.ca_file().display().to_string();
        let options = ["--ca-file", &ca_file, "--probe-url", &self.url("/api")];
        set_credential(&self.environment, &self.url("/token"), &options).run().success();
        self
    }

    fn connect_line(&self) -> String {
        format!("CONNECT {HOST}:{} HTTP/1.1", self.issuer.address().port())
    }
}

#[test]
fn an_https_issuer_is_reached_through_the_proxy_that_the_environment_names() {
    let remote = Remote::start().set();
    let proxy = Proxy::start(&remote.environment, &[]);
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    for (number, name) in names.into_iter().enumerate() {
        get(&remote.environment).arg("--refresh").env(name, proxy.url()).run().success().token();
        assert_eq!(proxy.asked(), vec![remote.connect_line(); number + 1], "{name}");
    }
    remote.environment.tokenkeep(["token", "validate"]).env("HTTPS_PROXY", proxy.url()).run().success();
    assert_eq!(proxy.asked().len(), names.len() + 1);
    // Without one, and with one for plain http alone, the name is looked up here.
    for name in [None, Some("HTTP_PROXY"), Some("http_proxy")] {
        let run = get_json(&remote.environment).arg("--refresh");
        let run = name.iter().fold(run, |run: Invocation, name| run.env(name, proxy.url()));
        assert_refused(run.run(), &format!("{name:?}"), 6, "dns");
    }
    assert_eq!(proxy.asked().len(), names.len() + 1);
}

#[test]
fn every_endpoint_is_reached_through_the_proxy_by_the_authority_of_the_profile() {
    let remote = Remote::start();
    let metadata = json!({
        "issuer": remote.url(""),
        "token_endpoint": remote.url("/token"),
        "introspection_endpoint": remote.url("/introspect"),
        "revocation_endpoint": remote.url("/revoke"),
        "jwks_uri": remote.url("/keys"),
    });
    remote.issuer.answer(METADATA, 200, &metadata);
    remote.issuer.answer("/keys", 200, &json!({ "keys": [] }));
    let environment = &remote.environment;
    let proxy = Proxy::start(environment, &[]);
    let through = |run: Invocation| run.env("HTTPS_PROXY", proxy.url());
    let set = environment
        .tokenkeep(["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--issuer", &remote.url("")])
        .arg("--ca-file")
        .arg(remote.issuer.ca_file())
        .stdin(CLIENT_SECRET);
    through(set).run().success().says(&format!("found and pinned: token endpoint {}", remote.url("/token")));
    through(get(environment)).run().success().token();
    through(environment.tokenkeep(["token", "validate"])).run().success();
    let keys = ["token", "validate", "--as-resource-server", "--audience", "a", "--token-stdin"];
    let jwt = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA";
    through(environment.tokenkeep(keys).stdin(jwt)).run().exits(5);
    through(environment.tokenkeep(["token", "revoke"])).run().success();
    assert_eq!(proxy.asked(), vec![remote.connect_line(); 5]);
    for path in [METADATA, "/token", "/introspect", "/keys", "/revoke"] {
        assert_eq!(remote.issuer.count(path), 1, "{path}");
    }
}

#[test]
fn what_no_proxy_names_is_asked_directly() {
    let remote = Remote::start().set();
    let proxy = Proxy::start(&remote.environment, &[]);
    for (variable, value) in [
        ("NO_PROXY", HOST),
        ("no_proxy", HOST),
        ("NO_PROXY", "*"),
        ("NO_PROXY", ".test"),
        ("NO_PROXY", "a.example, elsewhere.test"),
    ] {
        let run = get_json(&remote.environment).env("HTTPS_PROXY", proxy.url()).env(variable, value);
        assert_refused(run.run(), &format!("{variable}={value}"), 6, "dns");
    }
    assert_eq!(proxy.asked(), Vec::<String>::new());
    let others = get(&remote.environment).env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", "example.test,where.test");
    others.run().success().token();
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn loopback_is_never_asked_through_a_proxy_whatever_is_asked_of_it() {
    let mut addresses = vec!["127.0.0.1"];
    if has_ipv6() {
        addresses.push("::1");
    }
    for address in addresses {
        let issuer = Issuer::start_with(["--address", address]);
        let metadata = json!({
            "issuer": issuer.url(""),
            "token_endpoint": issuer.token_url(),
            "introspection_endpoint": issuer.url("/introspect"),
            "revocation_endpoint": issuer.url("/revoke"),
            "jwks_uri": issuer.url("/keys"),
        });
        issuer.answer(METADATA, 200, &metadata);
        issuer.answer("/keys", 200, &json!({ "keys": [] }));
        let environment = TestEnvironment::new();
        init(&environment);
        let proxy = Proxy::start(&environment, &[]);
        let past = |run: Invocation| {
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"]
                .iter()
                .fold(run, |run, name| run.env(name, proxy.url()))
        };
        let set = ["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--issuer", &issuer.url("")];
        past(environment.tokenkeep(set).stdin(CLIENT_SECRET)).run().success();
        past(get(&environment)).run().success().token();
        past(environment.tokenkeep(["token", "validate"])).run().success();
        let keys = ["token", "validate", "--as-resource-server", "--audience", "a", "--token-stdin"];
        past(environment.tokenkeep(keys).stdin("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA")).run().exits(5);
        past(environment.tokenkeep(["token", "revoke"])).run().success();
        for path in [METADATA, "/token", "/introspect", "/keys", "/revoke"] {
            assert_eq!(issuer.count(path), 1, "{address} {path}");
        }
        assert_eq!(proxy.asked(), Vec::<String>::new());
    }
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_status_and_its_refusal_is_final() {
    let remote = Remote::start().set();
    remote.environment.canary("password of the proxy", "CANARY-PROXY-PASSWORD");
    // What is refused is asked once; the status of another refusal than 407 costs one more question.
    for (status, questions, retryable) in [("407", 1, false), ("403", 2, false), ("502", 6, true)] {
        let proxy = Proxy::start(&remote.environment, &[status]);
        let run = get_json(&remote.environment).env("HTTPS_PROXY", proxy.url()).run();
        let error = assert_refused(run, status, 6, "connect");
        assert_eq!(
            (&error["retryable"], &error["http_status"]),
            (&json!(retryable), &json!(status.parse::<u16>().ok()))
        );
        let message = error["message"].as_str().unwrap_or_default();
        let named = format!("the proxy 127.0.0.1:{} (from HTTPS_PROXY) failed", proxy.port);
        assert!(message.starts_with(&named) && message.contains(status) && !message.contains(HOST), "{message}");
        // It sees a name and a port.
        assert_eq!(proxy.asked(), vec![remote.connect_line(); questions], "{status}");
        let seen = read(&proxy.log).to_ascii_lowercase();
        assert!(!seen.contains("basic") && !seen.contains("/token"), "{status}");
    }
    assert_eq!(remote.issuer.traffic().accepted, 0);
}

#[test]
fn a_wrong_password_of_a_proxy_is_tried_once() {
    let remote = Remote::start().set();
    let proxy = Proxy::start(&remote.environment, &["407"]);
    let url = proxy.url().replace("http://", "http://bob:old-password@");
    let error = assert_refused(get_json(&remote.environment).env("ALL_PROXY", url).run(), "407", 6, "connect");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("(from ALL_PROXY)") && message.contains("refused the user and the password"), "{message}");
    assert_eq!(proxy.asked().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_wrong_password_of_a_proxy_is_tried_once_by_all_until_its_variable_is_mended() {
    let _alone = crate::herd::alone();
    let remote = Remote::start().set();
    let environment = &remote.environment;
    let (good, bad) = (Proxy::start(environment, &[]), Proxy::start(environment, &["407"]));
    let with = |password: &str| bad.url().replace("http://", &format!("http://bob:{password}@"));
    let through = |url: &str| get_json(environment).arg("--refresh").env("HTTPS_PROXY", url);
    through(&good.url()).run().success();
    let turn = crate::herd::turn::take(environment);
    let herd: Vec<_> = (0..40).map(|_| through(&with("old")).spawn()).collect();
    crate::herd::turn::wait_for_waiters(environment, 40);
    drop(turn);
    let refused = |outcome: Outcome| {
        let error = assert_refused(outcome, "the proxy", 6, "connect");
        assert_eq!((&error["retryable"], &error["http_status"]), (&json!(false), &json!(407)));
        error["remembered"] == true
    };
    assert_eq!(herd.into_iter().map(|one| refused(one.wait())).filter(|told| *told).count(), 39);
    assert!(refused(through(&with("old")).run()), "the next run is told the same");
    assert_eq!(bad.asked().len(), 1);
    // Each way of mending it is tried at once: another password, another proxy, none.
    assert!(!refused(through(&with("new")).run()));
    assert_eq!(bad.asked().len(), 2);
    assert_refused(through(&with("new")).env("NO_PROXY", format!("\"{HOST}\"")).run(), "none", 6, "dns");
    through(&good.url()).run().success();
    // What the issuer says holds for every way.
    remote.issuer.answer("/token", 400, &json!({ "error": "invalid_client" }));
    assert_refused(through(&good.url()).run(), "the issuer", 4, "invalid_client");
    assert_eq!(assert_refused(through(&with("new")).run(), "the issuer", 4, "invalid_client")["remembered"], true);
    assert_eq!(bad.asked().len(), 2);
}

#[test]
fn an_issuer_that_a_proxy_does_not_let_through_is_no_wrong_issuer() {
    let remote = Remote::start();
    let proxy = Proxy::start(&remote.environment, &["407"]);
    let words = ["--json", "credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--issuer"];
    let set = remote.environment.tokenkeep(words).arg(remote.url("")).stdin(CLIENT_SECRET);
    let error = assert_refused(set.env("HTTPS_PROXY", proxy.url()).run(), "discovery", 6, "connect");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.starts_with("set HTTPS_PROXY to ")), "{error}");
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn a_password_of_a_proxy_ends_at_the_last_at_sign() {
    let remote = Remote::start().set();
    let proxy = Proxy::start(&remote.environment, &[]);
    for (written, sent) in [("bob:p@ss", "Ym9iOnBAc3M="), ("bob:p%40ss", "Ym9iOnBAc3M="), ("bob", "Ym9iOg==")] {
        let url = proxy.url().replace("http://", &format!("http://{written}@"));
        get(&remote.environment).arg("--refresh").env("HTTPS_PROXY", url).run().success().token();
        let seen = read(&proxy.log);
        let header = seen.lines().rfind(|line| line.to_ascii_lowercase().starts_with("proxy-authorization:"));
        assert_eq!(header.and_then(|line| line.split(' ').next_back()), Some(sent), "{written}");
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_not_the_issuer() {
    let remote = Remote::start().set();
    remote.environment.canary("password of the proxy", "CANARY-PROXY-PASSWORD");
    let gone = Proxy::start(&remote.environment, &[]).url();
    let with_password = gone.replace("http://", "http://user:CANARY-PROXY-PASSWORD@");
    let nowhere = "http://proxy.corp.invalid:3128".to_owned();
    for (url, code) in [(gone, "connect"), (with_password, "connect"), (nowhere, "dns")] {
        let error = assert_refused(get_json(&remote.environment).env("HTTPS_PROXY", &url).run(), &url, 6, code);
        let message = error["message"].as_str().unwrap_or_default();
        let place = url.rsplit(['@', '/']).next().unwrap_or_default();
        assert!(message.starts_with(&format!("the proxy {place} (from HTTPS_PROXY) failed")), "{message}");
        assert_eq!(error["retryable"], true);
    }
    assert_eq!(remote.issuer.traffic().accepted, 0);
}

#[test]
fn a_proxy_that_cannot_be_used_is_a_wrong_configuration_that_names_its_variable() {
    let remote = Remote::start().set();
    remote.environment.canary("password of the proxy", "CANARY-PROXY-PASSWORD");
    let socks = "is a SOCKS proxy, which tokenkeep does not speak; nothing was sent";
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        for (value, why) in [
            ("garbage://x", "cannot be read"),
            ("socks5h://user:CANARY-PROXY-PASSWORD@127.0.0.1:1", socks),
            ("http://", "cannot be read"),
            ("\"http://user:CANARY-PROXY-PASSWORD@127.0.0.1:1\"", "quotes"),
        ] {
            let run = get_json(&remote.environment).env(name, value).run();
            let error = assert_refused(run, value, 3, "config_invalid");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.starts_with(&format!("{name} ")) && message.contains(why), "{error}");
            let (status, _) = proxy_check(&remote.environment.tokenkeep(["--json", "doctor"]).env(name, value).run());
            assert_eq!(status, "fail", "{name}={value}");
            // A host that needs no proxy is looked up here.
            let direct = get_json(&remote.environment).env(name, value).env("NO_PROXY", HOST);
            assert_refused(direct.run(), value, 6, "dns");
        }
    }
    assert_eq!(remote.issuer.traffic().accepted, 0);
}

#[test]
fn the_doctor_says_which_way_requests_take() {
    let remote = Remote::start().set();
    remote.environment.canary("password of the proxy", "CANARY-PROXY-PASSWORD");
    let url = "http://bob:CANARY-PROXY-PASSWORD@proxy.corp.invalid:3128";
    let through = "https goes through proxy.corp.invalid:3128 (from HTTPS_PROXY, with a password)";
    let direct = format!("{through}; without it: {HOST}");
    let plain = "none; HTTP_PROXY is for plain http, which goes through no proxy";
    for (variables, detail) in [
        (&[][..], "none"),
        (&[("HTTPS_PROXY", url)], through),
        (&[("HTTPS_PROXY", url), ("NO_PROXY", "a.example; .test")], &*direct),
        (&[("HTTP_PROXY", url)], plain),
    ] {
        let run = remote.environment.tokenkeep(["--json", "doctor"]);
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        assert_eq!(proxy_check(&run.run()), ("ok".to_owned(), detail.to_owned()));
    }
}

/// Status and detail of the doctor's check of the proxy.
fn proxy_check(doctor: &Outcome) -> (String, String) {
    let report = doctor.json();
    let check = report["checks"].as_array().and_then(|all| all.iter().find(|check| check["name"] == "proxy"));
    let text = |member: &str| check.and_then(|check| check[member].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("detail"))
}

#[test]
fn an_issuer_at_an_ipv6_address_is_an_issuer_like_any_other() {
    if !has_ipv6() {
        return skipped("this machine has no IPv6 loopback");
    }
    let plain = Issuer::start_with(["--address", "::1"]);
    assert!(plain.token_url().starts_with("http://[::1]:"));
    let environment = credential(&plain, &["--probe-url", &plain.api_url()]);
    get(&environment).run().success().token();
    environment.tokenkeep(["token", "validate"]).run().success();
    let tls = Issuer::start_with(["--address", "::1", "--tls"]);
    let ca_file = tls.ca_file().display().to_string();
    set_credential(&environment, &tls.token_url(), &["-p", "tls", "--ca-file", &ca_file]).run().success();
    get(&environment).args(["-p", "tls"]).run().success().token();
    // Addresses that are loopback for nobody.
    for url in ["http://[::]/token", "http://[::ffff:127.0.0.1]/token", "http://[fe80::1]/token", "http://[::2]/token"]
    {
        assert_refused(set_credential(&environment, url, &["-p", "x"]).run(), url, 10, "insecure_endpoint");
    }
}

#[test]
fn an_address_that_is_dead_does_not_hide_one_that_answers() {
    let remote = Remote::start().set();
    if !can_unshare("-m") {
        return skipped("no mount namespace can be made here, so that no name has two addresses");
    }
    // Refused at once, without a route, and with a route to nowhere.
    for dead in ["::1", "2001:db8::1", "fd00:dead::1"] {
        let hosts = remote.environment.write("files/hosts", format!("{dead} {HOST}\n127.0.0.1 {HOST}\n"));
        let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        let under = ["unshare", "-m", "sh", "-c", script, &hosts.display().to_string()];
        get(&remote.environment).arg("--refresh").under(under).run().success().token();
    }
    assert_eq!(remote.issuer.count("/token"), 3);
}

#[test]
fn without_a_network_a_cached_token_is_served_and_everything_else_says_what_is_missing() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--revocation-url", &issuer.url("/revoke")]);
    set_credential(&environment, "https://nonexistent.invalid/token", &["-p", "named"]).run().success();
    get(&environment).run().success().token();
    if !can_unshare("-n") {
        return skipped("no network namespace can be made here");
    }
    let alone = |run: Invocation| run.under(["unshare", "-n"]);
    alone(get(&environment)).run().success().token();
    assert_refused(alone(get_json(&environment).arg("--refresh")).run(), "refresh", 6, "connect");
    assert_refused(alone(get_json(&environment).args(["-p", "named"])).run(), "a name", 6, "dns");
    let revoke = alone(environment.tokenkeep(["--json", "token", "revoke"])).run();
    assert_refused(revoke, "revoke", 6, "connect");
    let set = ["--json", "credentials", "set", "-p", "new", "--client-id", "x", "--secret-stdin", "--issuer"];
    let set = |issuer: &str| alone(environment.tokenkeep(set).arg(issuer).stdin(CLIENT_SECRET)).run();
    assert_refused(set("https://nonexistent.invalid"), "discovery", 6, "dns");
    assert_refused(set(&issuer.url("")), "discovery", 6, "connect");
    alone(environment.tokenkeep(["token", "validate"])).run().success();
    alone(get(&environment)).run().success().token();
    assert_eq!(issuer.requests().len(), 1);
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

/// Tells whether a run can have a namespace of its own; who is not root, cannot.
pub(crate) fn can_unshare(flag: &str) -> bool {
    is_root() && Command::new("unshare").args([flag, "true"]).output().is_ok_and(|output| output.status.success())
}
