//! Where a secret goes, and where it never goes: redirects, insecure endpoints, proxies, dead networks.

use crate::common::issuer::Behaviour;
use crate::common::{Issuer, TestEnvironment, skipped};
use crate::setup::{
    self, PROFILE, assert_mended, assert_refused, credential, credential_and_token, forget, get, get_json, prepend,
    set_credential, snapshot,
};

const REDIRECTS: [u16; 8] = [300, 301, 302, 303, 304, 305, 307, 308];

#[test]
fn no_redirect_of_the_token_endpoint_is_followed() {
    let (issuer, other, other_scheme) = (Issuer::start(), Issuer::start(), Issuer::start_with_tls());
    let environment = credential(&issuer, &[]);
    for status in REDIRECTS {
        for location in ["/elsewhere".to_owned(), other.token_url(), other_scheme.token_url(), scheme_less(&other)] {
            issuer.behave_times("/token", 1, Behaviour::Redirect { status, location });
            let error = assert_refused(get_json(&environment).run(), &status.to_string(), 10, "redirect_refused");
            assert_eq!((&error["http_status"], &error["retryable"]), (&status.into(), &false.into()));
            // A redirect is remembered, as every refusal.
            forget(&environment);
        }
    }
    // Each was asked once: what redirects would redirect again.
    assert_eq!(issuer.count("/token"), 4 * REDIRECTS.len());
    assert_eq!(issuer.count("/elsewhere"), 0);
    assert_untouched(&other);
    assert_untouched(&other_scheme);
    assert_mended(&environment, &issuer);
}

#[test]
fn no_redirect_of_the_probe_is_followed_and_none_tells_anything_about_the_token() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    for status in REDIRECTS {
        for location in ["/elsewhere".to_owned(), other.api_url(), scheme_less(&other)] {
            issuer.behave_times("/api", 1, Behaviour::Redirect { status, location });
            let outcome = environment.tokenkeep(["--json", "token", "validate"]).run().exits(12);
            assert_eq!(outcome.json()["verdict"], "indeterminate", "{status}");
        }
    }
    assert_eq!(issuer.count("/elsewhere"), 0);
    assert_untouched(&other);
    environment.tokenkeep(["token", "validate"]).run().success();
}

/// What must never carry a secret, with what a careless reader takes it for.
const INSECURE: [&str; 16] = [
    "http://issuer.invalid/token",
    "http://localhost./token",
    "http://localhost.localdomain/token",
    "http://127.0.0.1.issuer.invalid/token",
    "http://127.0.0.1@issuer.invalid/token",
    "http://127.0.0.1:80@issuer.invalid/token",
    "http://user:CANARY-SECRET-in-a-url@127.0.0.1/token",
    "https://user:CANARY-SECRET-in-a-url@issuer.invalid/token",
    "https://user@issuer.invalid/token",
    "http://2130706433/token",
    "http://0x7f.0.0.1/token",
    "http://127.1/token",
    "http://0.0.0.0/token",
    "http://[::ffff:192.0.2.1]/token",
    "ftp://127.0.0.1/token",
    "https://issuer.invalid/token?client_secret=CANARY-SECRET-in-a-url",
];

#[test]
fn an_insecure_endpoint_is_refused_as_it_is_typed() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let before = snapshot(environment.root());
    for url in INSECURE {
        for flag in ["--token-url", "--probe-url", "--introspection-url", "--revocation-url"] {
            let set = environment.tokenkeep(["--json", "credentials", "set", "--client-id", "test", "--secret-stdin"]);
            let outcome = set.args([flag, url]).stdin("CANARY-SECRET-of-another").run();
            assert_refused(outcome, &format!("{flag} {}", url.replace("CANARY-SECRET", "")), 10, "insecure_endpoint");
        }
    }
    assert!(snapshot(environment.root()) == before, "a refused `credentials set` changes nothing");
}

#[test]
fn an_insecure_endpoint_is_refused_where_a_profile_was_written_by_hand() {
    for url in INSECURE {
        let environment = TestEnvironment::new();
        // The URL may hold a secret that a person wrote there: the one place where it may stand.
        environment.secret_place(PROFILE);
        let secret = environment.write_secret("files/secret", "CANARY-SECRET-by-hand");
        let name = url.replace("CANARY-SECRET", "");
        let profile = |keys: &str| {
            let secret = format!("secret = {{ file = \"{}\" }}", secret.display());
            environment.write(PROFILE, format!("client_id = \"test\"\n{keys}\n{secret}\n"));
        };
        profile(&format!("token_url = \"{url}\""));
        assert_refused(get_json(&environment).run(), &name, 10, "insecure_endpoint");
        for key in ["probe_url", "introspection_url", "revocation_url"] {
            profile(&format!("token_url = \"https://issuer.invalid/token\"\n{key} = \"{url}\""));
            let validate = environment.tokenkeep(["--json", "token", "validate"]).run();
            assert_refused(validate, &format!("{key} {name}"), 10, "insecure_endpoint");
        }
    }
}

#[test]
fn what_is_no_url_is_refused_before_anything_is_stored() {
    let environment = TestEnvironment::new();
    setup::init(&environment);
    for url in ["", "issuer", "https://", "https:///token", "https://issuer.invalid\\@127.0.0.1/", "https://a b/"] {
        assert_refused(set_credential(&environment, url, &[]).run(), url, 2, "usage");
    }
    environment.tokenkeep(["--json", "credentials", "show"]).run().fails(3, "profile_not_found");
}

#[test]
fn loopback_never_goes_through_a_proxy() {
    let (issuer, proxy) = (Issuer::start(), Issuer::start());
    let environment = credential(&issuer, &["--probe-url", &issuer.api_url()]);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    for name in names {
        get(&environment).arg("--refresh").env(name, proxy.url("")).run().success().token();
        environment.tokenkeep(["token", "validate"]).env(name, proxy.url("")).run().success();
    }
    assert_eq!((issuer.count("/token"), issuer.count("/api")), (names.len(), names.len()));
    assert_untouched(&proxy);
}

#[test]
fn localhost_is_loopback_without_a_lookup_and_without_a_proxy() {
    let (issuer, proxy) = (Issuer::start(), Issuer::start());
    let environment = TestEnvironment::new();
    setup::init(&environment);
    let url = issuer.token_url().replace("127.0.0.1", "localhost");
    set_credential(&environment, &url, &[]).run().success();
    let mut run = get(&environment);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        run = run.env(name, proxy.url(""));
    }
    run.run().success().token();
    assert_untouched(&proxy);
    if !crate::proxies::can_unshare("-m") {
        return skipped("no mount namespace can be made here, so that the name leads nowhere else");
    }
    // A resolver that leads it elsewhere is not asked.
    let hosts = environment.write("files/hosts", "192.0.2.1 localhost\n");
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let under = ["unshare", "-m", "sh", "-c", script, &hosts.display().to_string()];
    get(&environment).arg("--refresh").under(under).run().success().token();
    assert_eq!(issuer.count("/token"), 2);
}

#[test]
fn an_issuer_that_does_not_listen_is_a_failed_connection_until_it_listens_again() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--probe-url", &issuer.api_url()]);
    let port = issuer.address().port().to_string();
    drop(issuer);
    let error = assert_refused(get_json(&environment).run(), "nobody listens", 6, "connect");
    assert_eq!(error["retryable"], true);
    let issuer = Issuer::start_with(["--port", &port]);
    assert_mended(&environment, &issuer);
}

#[test]
fn a_name_that_cannot_be_resolved_is_told_as_that() {
    let environment = TestEnvironment::new();
    setup::init(&environment);
    set_credential(&environment, "https://nonexistent.invalid/token", &[]).run().success();
    let error = assert_refused(get_json(&environment).run(), "no such name", 6, "dns");
    assert_eq!(error["retryable"], true);
}

#[test]
fn a_connection_that_is_closed_or_reset_is_told_as_that_and_the_request_is_not_repeated() {
    use crate::common::issuer::Point;
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let faults = [
        Behaviour::Reset,
        Behaviour::Close { at: Point::AfterReading },
        Behaviour::Close { at: Point::MidHead },
        Behaviour::Close { at: Point::MidBody },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let name = format!("{fault:?}");
        issuer.behave_times("/token", 1, fault);
        assert_refused(get_json(&environment).run(), &name, 6, "connection_reset");
        // The issuer may have granted a token; at some the next one would kill it.
        assert_eq!(issuer.count("/token"), number + 1, "{name}");
    }
    assert_mended(&environment, &issuer);
}

#[test]
fn a_profile_in_which_a_line_was_added_still_goes_to_no_other_place() {
    let (issuer, other) = (Issuer::start(), Issuer::start());
    let environment = credential(&issuer, &[]);
    prepend(&environment, PROFILE, &format!("probe_url = \"{}\"", other.api_url()));
    assert_refused(get_json(&environment).run(), "probe_url", 10, "binding_mismatch");
    assert_untouched(&other);
}

/// Not a byte, not even a connection.
fn assert_untouched(issuer: &Issuer) {
    let traffic = issuer.traffic();
    assert_eq!((traffic.accepted, traffic.bytes_received), (0, 0));
}

/// The same URL without its scheme, as a `Location` may be.
fn scheme_less(issuer: &Issuer) -> String {
    issuer.token_url().split_once(':').map_or_else(String::new, |(_, rest)| rest.to_owned())
}
