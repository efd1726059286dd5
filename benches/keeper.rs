//! What a token costs inside a process: `cached()` complete, beside its parts, and the looks at the cache behind it.

use std::env;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokenkeep::clock::{Clock, ManualClock, SystemClock};
use tokenkeep::profile::{Endpoint, Request};
use tokenkeep::store::{DataKey, MemoryStore};
use tokenkeep::{Keeper, Profile, ProfileName, Secret};

/// Longer than the longest run of a look that moves the clock on.
const TEN_YEARS: u64 = 315_360_000;

/// Returns a keeper that holds a token, got from an issuer that answers once.
fn filled(clock: Arc<dyn Clock>, lifetime: u64) -> Keeper {
    let issuer = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/token", issuer.local_addr().expect("bound"));
    let answering = std::thread::spawn(move || {
        let (mut connection, _) = issuer.accept().expect("the keeper connects");
        let read = connection.read(&mut [0; 4096]).expect("a request");
        assert!(read > 0, "a request");
        let body = format!(r#"{{"access_token":"abc","token_type":"bearer","expires_in":{lifetime}}}"#);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).expect("answered");
    });
    let name = ProfileName::parse("bench").expect("a name");
    let profile = Profile::new(name, "client", Endpoint::parse(&url).expect("loopback"));
    let keeper = Keeper::builder(profile).secret("secret").clock(clock).store(Arc::new(MemoryStore::default()));
    let keeper = keeper.build().expect("a keeper");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(keeper.token()).expect("a token");
    answering.join().expect("answered once");
    keeper
}

fn held(criterion: &mut Criterion) {
    let keeper = filled(Arc::new(SystemClock), 3600);
    let token = keeper.cached().expect("a keeper").expect("a token");
    criterion.bench_function("cached(), check and clone included", |bencher| {
        bencher.iter(|| black_box(keeper.cached().expect("a keeper")));
    });
    criterion.bench_function("clone of a token", |bencher| bencher.iter(|| black_box(token.clone())));
    criterion.bench_function("one reading of the boot clock", |bencher| bencher.iter(|| black_box(SystemClock.boot())));
    criterion.bench_function("the freshness rule", |bencher| {
        let now = SystemClock.now();
        bencher.iter(|| black_box(token.validity().outlasts(Duration::ZERO, black_box(&now))));
    });
}

/// The parts of a look at the cache.
fn looked_for(criterion: &mut Criterion) {
    let clock = Arc::new(ManualClock::new(SystemClock.wall()));
    let keeper = filled(clock.clone(), TEN_YEARS);
    criterion.bench_function("a look at records in memory: load, open the seal, check", |bencher| {
        bencher.iter(|| {
            // What is held is handed out for a second.
            clock.advance(Duration::from_millis(1001));
            black_box(keeper.cached().expect("a keeper").expect("a token"))
        });
    });
    criterion.bench_function("a data key, its sub-keys derived", |bencher| {
        let (root, id) = (Secret::new([7; 32]), [1; 16]);
        bencher.iter(|| black_box(DataKey::derived(black_box(&root), &id, &id)));
    });
    criterion.bench_function("an identity: encoded and hashed", |bencher| {
        let request = Request::default().with_scopes(["read", "write"]).expect("scopes");
        bencher.iter(|| black_box(keeper.with_request(black_box(request.clone()))));
    });
}

/// What the small program of the command line does, in the home that the environment names (`scripts/bench` does).
fn front(criterion: &mut Criterion) {
    let (Some(config), Some(_)) = (env::var_os("TOKENKEEP_CONFIG_DIR"), env::var_os("TOKENKEEP_DATA_DIR")) else {
        return;
    };
    let profile = std::path::Path::new(&config).join("profiles/default.toml");
    criterion.bench_function("reading a small file", |bencher| {
        bencher.iter(|| black_box(std::fs::read(&profile).expect("a profile")));
    });
    criterion.bench_function("open(): configuration, profile, store and key, read and parsed", |bencher| {
        bencher.iter(|| black_box(tokenkeep::open("default").expect("a profile")));
    });
    criterion.bench_function("open() and the first cached(): the record too", |bencher| {
        bencher.iter(|| {
            let keeper = tokenkeep::open("default").expect("a profile");
            black_box(keeper.cached().expect("a keeper").expect("a token"))
        });
    });
}

criterion_group!(benches, held, looked_for, front);
criterion_main!(benches);
