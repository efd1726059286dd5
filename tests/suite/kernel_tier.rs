//! The data key in kernel memory: a herd asks the keyring once, `lock` empties it, and whatever is wrong with it is
//! as if it were not there.

use std::process::Command;

use serde_json::json;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::secret_service::SecretService;
use crate::common::{Invocation, Issuer, Outcome, Running, TestEnvironment, skipped};

/// A machine whose secrets are in an unlocked keyring, and whose kernel keeps the data key.
struct Desk {
    environment: TestEnvironment,
    issuer: Issuer,
    service: SecretService,
}

impl Desk {
    /// `None` where the kernel keeps nothing: some containers forbid it.
    fn new() -> Option<Self> {
        let issuer = Issuer::start();
        issuer.set(json!({ "token_carries_identity": true }));
        let desk = Self { environment: TestEnvironment::new(), issuer, service: SecretService::unlocked() };
        if !keyctl(r#"keyctl get_persistent @s"#, &[]).status.success() {
            skipped("this kernel, or this container, has no persistent keyring");
            return None;
        }
        desk.environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"8h\"\n");
        let set = ["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"];
        desk.tokenkeep(set).arg(desk.issuer.token_url()).stdin(CLIENT_SECRET).run().success();
        Some(desk)
    }

    fn tokenkeep<const N: usize>(&self, arguments: [&str; N]) -> Invocation {
        self.service.seen_by(self.environment.tokenkeep(arguments))
    }

    fn get(&self) -> Invocation {
        self.tokenkeep(["token", "get"]).prints_token()
    }

    fn lock(&self) -> Outcome {
        self.tokenkeep(["lock"]).run().success()
    }

    fn fetches(&self) -> usize {
        self.issuer.count("/token")
    }

    /// What a run reads of the Secret Service.
    fn reads(&self, run: impl FnOnce()) -> usize {
        let watch = self.service.watch();
        run();
        watch.reads()
    }

    /// As `store` names it.
    fn description(&self) -> String {
        let store = std::fs::read_to_string(self.environment.data_dir().join("store")).expect("a backend was chosen");
        let value = |key: &str| store.lines().find_map(|line| line.strip_prefix(key)).expect("it is in `store`");
        format!("tokenkeep:{}:{}", value("id "), value("key "))
    }

    /// What the kernel says that is left of the key's time: `7h`, `85s`, `perm`.
    fn left_to_live(&self) -> Option<String> {
        let listed = keyctl("cat /proc/keys", &[]);
        let (listed, description) = (String::from_utf8_lossy(&listed.stdout).into_owned(), self.description());
        let mut lines = listed.lines().filter(|line| line.contains(&description)).map(str::split_whitespace);
        // An invalidated key is listed until the kernel comes to collect it.
        let mut words = lines.find(|words| words.clone().nth(1).is_some_and(|flags| !flags.contains('i')))?;
        words.nth(3).map(str::to_owned)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // The keyring of the user is not the test's own.
        if self.environment.data_dir().join("store").exists() {
            keyctl(r#"keyctl unlink "$(keyctl search "$p" user "$1")" "$p""#, &[&self.description()]);
        }
    }
}

/// Runs a script that has the user's persistent keyring in `$p`.
fn keyctl(script: &str, arguments: &[&str]) -> std::process::Output {
    let script = format!("p=$(keyctl get_persistent @s) || exit; {script}");
    let mut command = Command::new("keyctl");
    command.args(["session", "-", "sh", "-c", &script, "sh"]).args(arguments);
    command.output().expect("keyctl runs")
}

#[test]
fn a_warm_get_asks_the_kernel_and_not_the_keyring() {
    let Some(desk) = Desk::new() else { return };
    let token = desk.get().run().success().token().to_owned();
    assert_eq!(desk.reads(|| assert!(token == desk.get().run().success().token())), 0);
    let left = desk.left_to_live().expect("the key is there");
    assert!(["7h", "8h"].contains(&left.as_str()), "left to live: {left}");
    // Not even a bus is needed.
    let without = desk.environment.tokenkeep(["token", "get"]).prints_token().run().success();
    assert!(token == without.token());
}

#[test]
fn lock_empties_the_tier() {
    let Some(desk) = Desk::new() else { return };
    desk.get().run().success().token();
    desk.lock().says("is gone");
    desk.lock().says("holds no copy");
    assert_eq!(desk.reads(|| drop(desk.get().run().success())), 1, "the keyring is asked again");
    assert_eq!(desk.reads(|| drop(desk.get().run().success())), 0);
    assert_eq!(desk.fetches(), 1);
}

#[test]
fn a_herd_with_the_tier_empty_reads_the_keyring_once() {
    let Some(desk) = Desk::new() else { return };
    let token = desk.get().run().success().token().to_owned();
    desk.lock();
    let reads = desk.reads(|| assert_herd(&desk, &token));
    assert_eq!((reads, desk.fetches()), (1, 1));
}

#[test]
fn a_herd_with_nothing_at_all_reads_key_and_secret_once_and_asks_once() {
    let Some(desk) = Desk::new() else { return };
    desk.lock();
    let watch = desk.service.watch();
    let herd: Vec<_> = (0..HERD).map(|_| desk.get().spawn()).collect();
    let outcomes: Vec<_> = herd.into_iter().map(Running::wait).collect();
    for outcome in &outcomes {
        assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
        assert!(outcome.token() == outcomes[0].token(), "one token");
    }
    assert_eq!((watch.reads(), desk.fetches()), (2, 1));
}

const HERD: usize = 200;

fn assert_herd(desk: &Desk, token: &str) {
    let herd: Vec<_> = (0..HERD).map(|_| desk.get().spawn()).collect();
    for outcome in herd.into_iter().map(Running::wait) {
        assert!(outcome.code == 0 && outcome.stderr.is_empty(), "{outcome:?}");
        assert!(token == outcome.token(), "one token");
    }
}

#[test]
fn a_tier_that_fails_is_as_if_it_were_not_there() {
    let Some(desk) = Desk::new() else { return };
    let token = desk.get().run().success().token().to_owned();
    for (call, error) in [
        ("keyctl", "EPERM"),
        ("keyctl", "ENOSYS"),
        ("keyctl", "EACCES"),
        ("add_key", "EPERM"),
        ("add_key", "EDQUOT"),
        ("keyctl,add_key", "EPERM"),
    ] {
        desk.lock();
        for _ in 0..2 {
            let (trace, inject) = (format!("trace={call}"), format!("inject={call}:error={error}"));
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
            let reads = desk.reads(|| {
                let outcome = desk.get().under(strace).run().success();
                assert!(outcome.stderr.is_empty() && token == outcome.token(), "{call} {error}: {outcome:?}");
            });
            assert_eq!(reads, 1, "{call} {error}: the keyring is asked");
        }
    }
    assert_eq!(desk.fetches(), 1);
}

#[test]
fn a_key_that_the_kernel_cannot_be_told_to_forget_is_not_kept() {
    let Some(desk) = Desk::new() else { return };
    desk.get().run().success().token();
    for number in 1..=12 {
        desk.lock();
        let inject = format!("inject=keyctl:error=EPERM:when={number}");
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl", "-e", &inject];
        desk.get().under(strace).run().success().token();
        assert_ne!(desk.left_to_live().as_deref(), Some("perm"), "call {number} failed: a key without an end is left");
    }
}

#[test]
fn an_expired_key_is_asked_for_again() {
    let Some(desk) = Desk::new() else { return };
    let token = desk.get().run().success().token().to_owned();
    // Nothing tells of the end: looking again is the only way.
    let script = r#"key=$(keyctl search "$p" user "$1") && keyctl timeout "$key" 1 || exit
        while keyctl print "$key" >/dev/null 2>&1; do sleep 0.05; done"#;
    assert!(keyctl(script, &[&desk.description()]).status.success(), "the key is there");
    assert_eq!(desk.reads(|| assert!(token == desk.get().run().success().token())), 1);
    assert_eq!(desk.reads(|| assert!(token == desk.get().run().success().token())), 0, "it is kept again");
}

#[test]
fn a_short_time_to_keep_is_obeyed_by_the_kernel() {
    let Some(desk) = Desk::new() else { return };
    desk.lock();
    desk.environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"90s\"\n");
    desk.get().run().success().token();
    let left = desk.left_to_live().expect("the key is there");
    // Hours are never what is left of 90 seconds.
    assert!(left.ends_with('s') || left == "1m", "left to live: {left}");
}

#[test]
fn a_planted_key_is_ignored() {
    let Some(desk) = Desk::new() else { return };
    let token = desk.get().run().success().token().to_owned();
    for planted in ["0123456789abcdef0123456789abcdef", "short", "much longer than any key of thirty-two bytes is"] {
        desk.lock();
        let script = r#"printf %s "$2" | keyctl padd user "$1" "$p""#;
        assert!(keyctl(script, &[&desk.description(), planted]).status.success(), "a key can be planted");
        let reads = desk.reads(|| {
            let outcome = desk.get().run().success();
            assert!(outcome.stderr.is_empty() && token == outcome.token(), "{outcome:?}");
        });
        assert_eq!(reads, 1);
    }
    assert_eq!(desk.fetches(), 1);
}

#[test]
fn off_keeps_nothing() {
    let Some(desk) = Desk::new() else { return };
    desk.lock();
    desk.environment.write("config/config.toml", "[secrets]\nkeep_unlocked = \"off\"\n");
    desk.get().run().success().token();
    assert_eq!(desk.reads(|| drop(desk.get().run().success())), 1);
    desk.lock().says("holds no copy");
}

#[test]
fn only_its_possessor_may_see_the_key() {
    let Some(desk) = Desk::new() else { return };
    desk.get().run().success().token();
    let described = keyctl(r#"keyctl rdescribe "$(keyctl search "$p" user "$1")""#, &[&desk.description()]);
    let text = String::from_utf8_lossy(&described.stdout).into_owned();
    let permissions = text.split(';').nth(3).expect("type;uid;gid;permissions;description");
    assert_eq!(permissions, "3f000000");
}

#[test]
fn without_a_bus_and_without_a_tier_a_key_file_works_and_a_keyring_says_what_is_missing() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let refused = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=keyctl,add_key", "-e"];
    let refused = refused.into_iter().chain(["inject=keyctl,add_key:error=EPERM"]);
    let none = |arguments: &[&str]| {
        environment.tokenkeep(arguments).under(refused.clone()).env("XDG_RUNTIME_DIR", environment.path("tmp/none"))
    };
    none(&["--json", "init", "--backend", "keyring"]).run().fails(8, "keyring_unavailable");
    none(&["init", "--backend", "file"]).run().success();
    let set = none(&["credentials", "set", "--client-id", CLIENT_ID, "--secret-stdin", "--token-url"]);
    set.arg(issuer.token_url()).stdin(CLIENT_SECRET).run().success();
    for _ in 0..2 {
        none(&["token", "get"]).prints_token().run().success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
}
