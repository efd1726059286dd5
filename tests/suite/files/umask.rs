//! Under any umask: what is made is never open to others, not even for a moment, and always of use to its owner.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::machine::paths_in;

#[test]
fn under_any_umask_every_command_works_and_nothing_is_ever_open_to_others() {
    let issuer = Issuer::start();
    let url = issuer.token_url();
    let set =
        ["credentials", "set", "-p", "main", "--client-id", CLIENT_ID, "--token-url", url.as_str(), "--secret-stdin"];
    let commands: [(&[&str], &str); 12] = [
        (&["init", "--backend", "file"], ""),
        (&set, CLIENT_SECRET),
        (&set, CLIENT_SECRET),
        (&["credentials", "list"], ""),
        (&["credentials", "show"], ""),
        (&["token", "get"], ""),
        (&["token", "get"], ""),
        (&["token", "validate"], ""),
        (&["token", "list"], ""),
        (&["token", "forget"], ""),
        (&["token", "get", "--refresh"], ""),
        (&["credentials", "remove", "-p", "main", "--yes"], ""),
    ];
    for umask in ["0000", "0022", "0777"] {
        let environment = TestEnvironment::new().unprivileged();
        for (number, (arguments, stdin)) in commands.iter().enumerate() {
            let trace = environment.path(format!("tmp/trace-{number}"));
            let run = environment.tokenkeep(*arguments).prints_token().stdin(stdin);
            let outcome = traced(run, &trace, umask).run();
            assert!(outcome.code == 0, "umask {umask}, {arguments:?}: {outcome:?}");
            let created = assert_created_closed(&trace, umask);
            assert!(number > 1 || created > 2, "umask {umask}, {arguments:?} makes files");
            if environment.data_dir().exists() {
                assert_closed(&environment.data_dir());
            }
        }
        assert_eq!(mode(&environment.config_dir().join("key")), 0o600, "umask {umask}");
        environment.assert_clean();
    }
}

/// Runs under a umask, with every creation of a file or directory written down.
fn traced(run: Invocation, trace: &Path, umask: &str) -> Invocation {
    let trace = trace.to_str().expect("the path is text");
    let calls = "trace=open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat";
    let script = format!("umask {umask}; exec \"$@\"");
    run.under(["strace", "-f", "-qq", "-o", trace, "-e", calls, "sh", "-c", script.as_str(), "sh"])
}

/// Asserts the modes that creating calls asked for: what is protected only afterwards was open for a moment.
/// Returns how many such calls there were.
fn assert_created_closed(trace: &Path, umask: &str) -> usize {
    let trace = fs::read_to_string(trace).expect("strace wrote what it saw");
    assert!(trace.contains("openat("), "strace should see files being opened");
    let creates = |line: &&str| ["O_CREAT", "mkdir", "mknod", "creat("].iter().any(|word| line.contains(word));
    let created: Vec<_> = trace.lines().filter(creates).collect();
    for line in &created {
        let call = line.rsplit_once(" = ").map_or(*line, |(call, _)| call).trim_end().trim_end_matches(')');
        let mode = call.rsplit_once(", ").and_then(|(_, mode)| u32::from_str_radix(mode, 8).ok());
        assert!(mode.is_some_and(|mode| mode & 0o077 == 0), "umask {umask}: {line}");
    }
    created.len()
}

/// Asserts that directories are 0700 and files 0600.
fn assert_closed(directory: &Path) {
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for path in paths_in(directory) {
        if path.is_dir() {
            assert_closed(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("it is there").mode() & 0o7777
}
