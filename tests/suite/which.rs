//! `which`, and the host map that it explains: which profile's token a server gets.

use serde_json::json;

use crate::common::{Issuer, TestEnvironment};
use crate::hints::terminal::Terminal;
use crate::setup::credential;

fn with_hosts(environment: &TestEnvironment, profile: &str, hosts: &str) {
    let text = format!("client_id = 'a'\ntoken_url = 'https://id.example.com/token'\nhosts = {hosts}\n");
    environment.write(format!("config/profiles/{profile}.toml"), text);
}

#[test]
fn the_closest_pattern_decides_and_the_others_are_named_with_the_reason() {
    let environment = TestEnvironment::new();
    with_hosts(&environment, "wide", "['*.example.com']");
    with_hosts(&environment, "forge", "['git.example.com', 'git.example.com:8443']");
    with_hosts(&environment, "team", "[{ host = 'git.example.com/team', as = 'basic' }]");
    let which = |url: &str| environment.tokenkeep(["which", url]).run().success().stdout_str().to_owned();
    assert_eq!(
        which("https://GIT.example.com/team/app?x"),
        "team, by git.example.com/team\nnot forge: git.example.com names it less closely\nnot wide: *.example.com names it \
         less closely\nnot forge: git.example.com:8443 names another port\n"
    );
    assert_eq!(which("git.example.com:8443").lines().next(), Some("forge, by git.example.com:8443"));
    assert_eq!(which("a.b.example.com"), "wide, by *.example.com\n");
    let answer = environment.tokenkeep(["--json", "which", "https://x.example.com/"]).run().success().json();
    assert_eq!(answer, json!({ "profile": "wide", "pattern": "*.example.com", "others": [] }));
    let only = environment.tokenkeep(["which", "-p", "wide", "git.example.com"]).run().success();
    assert_eq!(only.stdout_str(), "wide, by *.example.com\n");
}

#[test]
fn what_is_no_host_of_a_profile_gets_nothing() {
    let environment = TestEnvironment::new();
    with_hosts(&environment, "forge", "['git.example.com', 'https://api.example.com/v1']");
    for other in [
        "example.com",
        "http://git.example.com/",
        "api.example.com/v10",
        "git.example.com.evil.test",
        "a.git.example.com",
    ] {
        environment.tokenkeep(["--json", "which", other]).run().fails(3, "profile_not_found");
    }
    environment.tokenkeep(["--json", "which", "-p", "No Name", "git.example.com"]).run().fails(2, "usage");
    for wrong in
        ["https://user:CANARY-SECRET-x@git.example.com/", "https://git.example.com/a/../b", "ftp://git.example.com"]
    {
        environment.tokenkeep(["--json", "which", wrong]).run().fails(2, "usage").does_not_say("CANARY");
    }
}

#[test]
fn two_profiles_that_name_a_host_equally_closely_are_a_mistake() {
    let environment = TestEnvironment::new();
    with_hosts(&environment, "forge", "['git.example.com']");
    with_hosts(&environment, "other", "['https://GIT.example.com:443/']");
    let outcome = environment.tokenkeep(["--json", "which", "git.example.com"]).run().fails(3, "config_invalid");
    outcome.says("forge").says("other");
    with_hosts(&environment, "other", "['b.example.com']");
    environment.tokenkeep(["which", "git.example.com"]).run().success();
    // One that cannot be read names nothing, and does not keep the others from their hosts.
    environment.write("config/profiles/broken.toml", "client_id = ");
    environment.tokenkeep(["which", "git.example.com"]).run().success();
}

#[test]
fn a_wrong_entry_is_named_by_its_key_and_never_quoted() {
    let environment = TestEnvironment::new();
    for (hosts, why) in [
        ("['*.com']", "`hosts` has a wildcard that is too wide"),
        ("['user:CANARY-SECRET-x@example.com']", "`hosts` must not hold a user name"),
        ("['example.com/../x']", "`hosts` must not hold . or .."),
        ("['example.com', 'EXAMPLE.com:443']", "`hosts` names the same hosts twice"),
        ("[{ host = 'example.com', as = 'CANARY-SECRET-x' }]", "`hosts.as` must be one of bearer, basic"),
        ("[{ as = 'basic' }]", "`hosts.host` is missing"),
        ("[{ host = 'example.com', username = 'a:b' }]", "`hosts.username` must be"),
        ("[1]", "`hosts` must be a list of texts or tables"),
    ] {
        with_hosts(&environment, "forge", hosts);
        let outcome = environment.tokenkeep(["--json", "token", "get", "-p", "forge"]).run();
        outcome.fails(3, "config_invalid").says(why).does_not_say("CANARY");
    }
    with_hosts(&environment, "forge", "[]");
    for pattern in ["*.com", "https://a@b.example.com/"] {
        let set = ["--json", "credentials", "set", "-p", "forge", "--host", pattern];
        environment.tokenkeep(set).run().fails(2, "usage").says("--host").does_not_say("b.example.com");
    }
}

#[test]
fn a_host_is_named_as_the_hint_says() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["-p", "billing"]);
    let terminal = Terminal::of(&environment).with("NAME", "billing");
    terminal.follows("tokenkeep which https://api.example.com/v1");
    // A list that is given replaces the present one.
    let other = environment.tokenkeep(["which", "b.example.com"]).run().exits(3);
    assert!(other.stderr.contains("with a --host for each other host of that profile"), "{other:?}");
    let shown = environment.tokenkeep(["--json", "credentials", "show", "-p", "billing"]).run().success().json();
    assert_eq!(shown["hosts"], "api.example.com/v1");
}
