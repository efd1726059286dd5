//! Hammers the library: 64 tasks in three runtimes, 20 profiles, random rejections and dropped futures, beside a process
//! loop of `credentials set`, `token forget`, `rekey` and `lock`. Prints its counts, and fails unless no token was wrong,
//! no rejected one was handed out again, and no call failed: `scripts/hammer [SECONDS]`.
#![expect(clippy::print_stdout, reason = "it prints its counts")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokenkeep::Keeper;
use tokenkeep::clock::{Clock, SystemClock};
use tokenkeep::keeper::Want;
use tokenkeep::profile::Request;

const PROFILES: usize = 20;
const TASKS: usize = 64;
const RUNTIMES: usize = 3;
const SCOPES: [&str; 2] = ["", "read"];

#[expect(clippy::disallowed_methods, reason = "it measures by its own watch")]
fn now() -> Instant {
    Instant::now()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let inside = arguments.iter().any(|argument| argument == "--inside");
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(20);
    if inside { hammer(Duration::from_secs(seconds)) } else { surround(seconds) }
}

// The surroundings: an issuer, a machine with its profiles, and the commands that change them.

struct Machine {
    root: tempfile::TempDir,
    tokenkeep: PathBuf,
    issuer: Child,
    token_url: String,
}

impl Machine {
    fn new(programs: &Path) -> Machine {
        let mut command = Command::new(programs.join("issuer"));
        command.args((0..PROFILES).flat_map(|n| ["--client".to_owned(), format!("client-{n}:CANARY-SECRET-{n}")]));
        let mut issuer = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the issuer starts");
        let mut line = String::new();
        BufReader::new(issuer.stdout.take().expect("piped")).read_line(&mut line).expect("it says where it listens");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let url = |member: &str| ready[member].as_str().expect("an address").to_owned();
        set_issuer(&url("control"));
        let root = tempfile::tempdir().expect("a temporary directory");
        Machine { root, tokenkeep: programs.join("tokenkeep"), issuer, token_url: url("url") + "/token" }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let folder = |name: &str| self.root.path().join(name);
        command.env_clear().env("HOME", self.root.path()).env("PATH", "/usr/bin:/bin");
        command.env("TOKENKEEP_CONFIG_DIR", folder("config")).env("TOKENKEEP_DATA_DIR", folder("data"));
        command
    }

    /// Runs a command; returns what it says where it fails.
    fn run(&self, arguments: &[&str], stdin: &str) -> Result<(), String> {
        let mut command = self.command(&self.tokenkeep);
        let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("tokenkeep starts");
        // A command that reads nothing may have ended.
        let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("a child can be waited for");
        let text = || format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        if output.status.success() { Ok(()) } else { Err(text()) }
    }

    /// Sets a credential; with another `turn` it is bound to another place, so it is another generation.
    fn set(&self, n: usize, turn: usize) -> Result<(), String> {
        let (name, client) = (format!("p{n}"), format!("client-{n}"));
        let revocation = format!("{}-{turn}", self.token_url);
        let set = ["credentials", "set", "-p", &name, "--client-id", &client, "--secret-stdin"];
        let places = ["--token-url", &self.token_url, "--revocation-url", &revocation];
        self.run(&[&set[..], &places].concat(), &format!("CANARY-SECRET-{n}"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.issuer.kill();
        let _ = self.issuer.wait();
    }
}

/// Lets tokens carry client and scope, and lets the issuer take a moment.
fn set_issuer(control: &str) {
    let body = r#"{"token_carries_identity":true,"latency_ms":3}"#;
    let address = control.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = std::net::TcpStream::connect(address).expect("the issuer listens");
    let request = format!(
        "POST /settings HTTP/1.1\r\nHost: issuer\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("it answers");
    assert!(answer.contains("200"), "the issuer takes its settings: {answer}");
}

fn surround(seconds: u64) -> ExitCode {
    let own = std::env::current_exe().expect("a program knows its path");
    let programs = own.parent().and_then(Path::parent).expect("examples lie in TARGET/PROFILE/examples");
    let machine = Machine::new(programs);
    machine.run(&["init", "--backend", "file"], "").expect("a new machine");
    (0..PROFILES).for_each(|n| machine.set(n, 0).expect("a credential"));
    let mut inside = machine.command(&own).args(["--inside", &seconds.to_string()]).spawn().expect("it starts");
    let (mut commands, mut failed, mut random) = ([0_u64; 4], Vec::new(), Random::new());
    let status = loop {
        if let Some(status) = inside.try_wait().expect("a child can be waited for") {
            break status;
        }
        let (n, turn) = (random.below(PROFILES), commands[0] as usize);
        let (kind, run) = match random.below(10) {
            0..4 => (0, machine.set(n, turn % 2 + 1)),
            4..7 => (1, machine.run(&["token", "forget", "-p", &format!("p{n}")], "")),
            7..9 => (2, machine.run(&["rekey"], "")),
            _ => (3, machine.run(&["lock"], "")),
        };
        commands[kind] += 1;
        failed.extend(run.err());
    };
    let [set, forget, rekey, lock] = commands;
    println!("commands: {set} set, {forget} forget, {rekey} rekey, {lock} lock; failed {}", failed.len());
    failed.iter().take(5).for_each(|text| println!("  {text}"));
    if status.success() && failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

// The program under the hammer.

#[derive(Default)]
struct Counts {
    tokens: AtomicU64,
    rejections: AtomicU64,
    dropped: AtomicU64,
    wrong: AtomicU64,
    again: AtomicU64,
    errors: Mutex<HashMap<String, u64>>,
    /// When a rejection had returned.
    rejected: Mutex<HashMap<String, Instant>>,
}

/// A keeper, and how its tokens end.
struct Target {
    keeper: Keeper,
    ending: String,
}

fn hammer(duration: Duration) -> ExitCode {
    let counts = Arc::new(Counts::default());
    let targets: Arc<Vec<Target>> = Arc::new((0..PROFILES).flat_map(targets).collect());
    let ends = now() + duration;
    let threads: Vec<_> = (0..RUNTIMES)
        .map(|runtime| {
            let (counts, targets) = (counts.clone(), targets.clone());
            std::thread::spawn(move || {
                let tasks = TASKS / RUNTIMES + usize::from(runtime < TASKS % RUNTIMES);
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.expect("a runtime").block_on(async {
                    let task = |_| tokio::spawn(task(counts.clone(), targets.clone(), ends));
                    for task in (0..tasks).map(task).collect::<Vec<_>>() {
                        task.await.expect("no panic");
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let errors = counts.errors.lock().expect("no panic");
    let failed: u64 = errors.values().sum();
    let (wrong, again) = (count(&counts.wrong), count(&counts.again));
    println!(
        "tokens {}, rejections {}, dropped futures {}",
        count(&counts.tokens),
        count(&counts.rejections),
        count(&counts.dropped)
    );
    println!("wrong {wrong}, rejected and handed out again {again}, false errors {failed}");
    errors.iter().for_each(|(text, count)| println!("  {count} times {text}"));
    if wrong + again + failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn targets(n: usize) -> Vec<Target> {
    let keeper = tokenkeep::open(&format!("p{n}")).expect("a profile of the command line");
    let of = |scope: &&str| {
        let request = Request::default().with_scopes([*scope].into_iter().filter(|scope| !scope.is_empty()));
        let text = |text: &str| URL_SAFE_NO_PAD.encode(text);
        Target {
            keeper: keeper.with_request(request.expect("scopes")),
            ending: format!(".{}.{}", text(&format!("client-{n}")), text(scope)),
        }
    };
    SCOPES.iter().map(of).collect()
}

async fn task(counts: Arc<Counts>, targets: Arc<Vec<Target>>, ends: Instant) {
    let mut random = Random::new();
    while now() < ends {
        let Target { keeper, ending } = &targets[random.below(targets.len())];
        let began = now();
        let got = match random.below(1_000) {
            0..900 => keeper.cached(),
            900..970 => keeper.token().await.map(Some),
            970..990 => {
                let patience = Duration::from_micros(random.below(8_000) as u64);
                match tokio::time::timeout(patience, keeper.token()).await {
                    Ok(got) => got.map(Some),
                    Err(_) => {
                        counts.dropped.fetch_add(1, Ordering::Relaxed);
                        Ok(None)
                    }
                }
            }
            990..993 => keeper.obtain(Want::IssuedAfter(SystemClock.now())).await.map(|got| Some(got.token)),
            _ => {
                if let Ok(Some(token)) = keeper.cached()
                    && keeper.reject(&token).is_ok()
                {
                    counts.rejections.fetch_add(1, Ordering::Relaxed);
                    counts.rejected.lock().expect("no panic").entry(token.expose().to_owned()).or_insert_with(now);
                }
                Ok(None)
            }
        };
        match got {
            Ok(None) => {}
            Ok(Some(token)) => {
                counts.tokens.fetch_add(1, Ordering::Relaxed);
                let rejected = counts.rejected.lock().expect("no panic").get(token.expose()).copied();
                counts.wrong.fetch_add(u64::from(!token.expose().ends_with(ending)), Ordering::Relaxed);
                counts.again.fetch_add(u64::from(rejected.is_some_and(|at| at < began)), Ordering::Relaxed);
            }
            Err(error) => {
                *counts.errors.lock().expect("no panic").entry(format!("{:?}: {error}", error.code())).or_default() += 1
            }
        }
        tokio::task::yield_now().await;
    }
}

/// A small generator: the hammer needs variety, not secrecy.
struct Random(u64);

impl Random {
    fn new() -> Random {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).expect("the system has randomness");
        Random(u64::from_ne_bytes(seed) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }
}
