//! What a token costs inside a process: `cached()` complete, beside its parts.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tokenkeep::{Clock as _, Endpoint, Keeper, Profile, ProfileName, SystemClock};

/// Returns a keeper that holds a token of an hour, got from an issuer that answers once.
fn filled() -> Keeper {
    let issuer = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/token", issuer.local_addr().expect("bound"));
    let answering = std::thread::spawn(move || {
        let (mut connection, _) = issuer.accept().expect("the keeper connects");
        let read = connection.read(&mut [0; 4096]).expect("a request");
        assert!(read > 0, "a request");
        let body = r#"{"access_token":"abc","token_type":"bearer","expires_in":3600}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        connection.write_all(answer.as_bytes()).expect("answered");
    });
    let name = ProfileName::parse("bench").expect("a name");
    let profile = Profile::new(name, "client", Endpoint::parse(&url).expect("loopback"));
    let keeper = Keeper::builder(profile).secret("secret").build().expect("a keeper");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(keeper.token()).expect("a token");
    answering.join().expect("answered once");
    keeper
}

fn keeper(criterion: &mut Criterion) {
    let keeper = filled();
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

criterion_group!(benches, keeper);
criterion_main!(benches);
