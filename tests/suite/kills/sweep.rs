//! Lets a run fail at each of its system calls in turn, by strace, and looks at what is left.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use crate::common::{Invocation, Issuer, Outcome, TestEnvironment};

/// A system call of a run: the `occurrence`-th of its name.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) name: String,
    occurrence: usize,
    /// As strace shows it, without the content of buffers.
    pub(super) text: String,
}

/// What happens at a call.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// The process is killed.
    Kill,
    /// The call fails with this error and does nothing.
    Error(&'static str),
}

/// An issuer and a home that can be put back to where it began.
pub(super) struct World {
    pub(super) issuer: Issuer,
    pub(super) environment: TestEnvironment,
    beginning: TempDir,
}

impl World {
    pub(super) fn new(issuer: Issuer, environment: TestEnvironment) -> Self {
        let beginning = tempfile::tempdir().expect("a temporary directory");
        for folder in [environment.config_dir(), environment.data_dir()] {
            if folder.exists() {
                shell(r#"cp -a "$1" "$2""#, &folder, beginning.path());
            }
        }
        Self { issuer, environment, beginning }
    }

    fn begin(&self) {
        shell(r#"rm -rf "$2/config" "$2/data" && cp -a "$1/." "$2/""#, self.beginning.path(), self.environment.root());
    }

    /// The names of temporary files, wherever they are.
    pub(super) fn temporaries(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.environment.config_dir(), self.environment.data_dir()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
                let name = entry.file_name().display().to_string();
                if name.ends_with(".tmp") {
                    found.push(name);
                }
            }
        }
        found
    }
}

/// Runs `run` once for each fault at each call that is `wanted`, from the same beginning, and then `check`.
/// Returns how many faults there were.
pub(super) fn sweep(
    make: impl Fn() -> World + Sync,
    run: impl Fn(&World) -> Invocation + Sync,
    wanted: impl Fn(&Call) -> bool,
    faults: &[Fault],
    check: impl Fn(&World, &Call, Outcome) + Sync,
) -> usize {
    let first = make();
    let calls = calls(&first, run(&first)).into_iter().filter(wanted);
    let points: Vec<_> = calls.flat_map(|call| faults.iter().map(move |fault| (call.clone(), *fault))).collect();
    let (next, happened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = |world: World| {
        while let Some((call, fault)) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
            let _told = Told(call, *fault);
            world.begin();
            let outcome = faulted(run(&world), call, *fault);
            // Where a call did not come a second time, the run went through.
            let hit = matches!(fault, Fault::Error(_)) || outcome.code == 128 + 9;
            happened.fetch_add(usize::from(hit), Ordering::Relaxed);
            check(&world, call, outcome);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|| work(make()));
        }
        work(first);
    });
    assert!(happened.load(Ordering::Relaxed) * 10 >= points.len() * 9, "most faults happen");
    happened.load(Ordering::Relaxed)
}

/// The calls of a run, from the first on that names a directory of ours: before it there is only the loading of the
/// program, which leaves everything as it was.
fn calls(world: &World, invocation: Invocation) -> Vec<Call> {
    world.begin();
    let file = world.environment.path("files/trace");
    // No content of buffers: there are secrets in it.
    let strace = ["strace", "-f", "-y", "-s", "0", "-o"].map(std::ffi::OsString::from);
    let _ = invocation.under(strace.into_iter().chain([file.clone().into()])).run().success();
    let trace = std::fs::read_to_string(file).expect("strace wrote it");
    let main = trace.split(' ').next().expect("a process id").to_owned();
    let mut counts = HashMap::new();
    let parsed = trace.lines().filter_map(|line| {
        let text = line.strip_prefix(&main)?.trim_start();
        let name = text.split_once('(')?.0;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_name.then(|| {
            let count = counts.entry(name.to_owned()).or_insert(0);
            *count += 1;
            Call { name: name.to_owned(), occurrence: *count, text: text.to_owned() }
        })
    });
    let calls: Vec<_> = parsed.collect();
    let ours = [world.environment.config_dir(), world.environment.data_dir()].map(|path| path.display().to_string());
    let first = calls.iter().position(|call| ours.iter().any(|path| call.text.contains(path.as_str())));
    calls[first.expect("the run uses a directory of ours")..].to_vec()
}

fn faulted(invocation: Invocation, call: &Call, fault: Fault) -> Outcome {
    let what = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(name) => format!("error={name}"),
    };
    let Call { name, occurrence, .. } = call;
    let (trace, inject) = (format!("trace={name}"), format!("inject={name}:{what}:when={occurrence}"));
    invocation.under(["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]).run()
}

fn shell(script: &str, first: &Path, second: &Path) {
    let status = Command::new("sh").args(["-c", script, "sh"]).arg(first).arg(second).status();
    assert!(status.is_ok_and(|status| status.success()), "files can be copied");
}

/// Says at which call a check failed.
struct Told<'a>(&'a Call, Fault);

impl Drop for Told<'_> {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("after {:?} at: {:?}", self.1, self.0);
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("a kill"),
            Self::Error(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} number {}: {}", self.name, self.occurrence, self.text)
    }
}
