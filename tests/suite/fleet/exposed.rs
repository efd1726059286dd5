//! The store's password goes where `[fleet]` says and TLS or loopback keeps it, wherever a store says that others are.

use std::net::{IpAddr, UdpSocket};

use super::host::{chill, comes_from, get, host, issuer, patiently, share};
use crate::common::hostile_store::{Answer, HostileStore};
use crate::common::{Outcome, TestEnvironment, skipped};

const PASSWORD: &str = "CANARY-PASSWORD-of-the-store";

/// An address of this machine that is not loopback.
fn address() -> Option<IpAddr> {
    // Nothing is sent: the kernel only says from where it would be.
    let socket = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("198.51.100.1:9").map(|()| socket));
    let address = socket.and_then(|socket| socket.local_addr()).ok().map(|address| address.ip());
    let address = address.filter(|address| !address.is_loopback());
    if address.is_none() {
        skipped("this machine has no address beyond loopback");
    }
    address
}

fn text(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

/// A store on loopback that leads elsewhere: as a node that has moved its keys, a cluster, or a sentinel.
fn leading_to(other: &HostileStore) -> HostileStore {
    let (ip, port) = (other.address().ip().to_string(), other.port());
    HostileStore::start([127, 0, 0, 1].into(), move |command| {
        Answer::Bytes(match command {
            "CLUSTER" => {
                let node = [b"*3\r\n".to_vec(), text(&ip), format!(":{port}\r\n").into(), text([b'a'; 40])].concat();
                [b"*1\r\n*3\r\n:0\r\n:16383\r\n".to_vec(), node].concat()
            }
            "SENTINEL" => [b"*2\r\n".to_vec(), text(&ip), text(port.to_string())].concat(),
            "GETRANGE" | "PTTL" | "EVAL" => format!("-MOVED 1 {ip}:{port}\r\n").into(),
            _ => b"+OK\r\n".to_vec(),
        })
    })
}

fn urls(store: &HostileStore) -> [(&'static str, String); 3] {
    let address = store.address();
    [
        ("a node", format!("redis://{address}")),
        ("a cluster", format!("redis+cluster://{address}")),
        ("a sentinel", format!("redis+sentinel://{address}/fleet")),
    ]
}

fn with_password(environment: &TestEnvironment, url: &str) -> String {
    format!("{}password = {{ file = \"{}\" }}\n", patiently(url), environment.path("files/store").display())
}

fn asked(environment: &TestEnvironment, shared: &str) -> Outcome {
    share(environment, shared);
    chill(environment);
    get(environment, &[]).run()
}

/// H3, C4: the store names an address; a password goes to none but its own.
#[test]
fn a_password_goes_to_no_other_address_in_clear_though_a_store_leads_there() {
    let (Some(address), issuer) = (address(), issuer()) else { return };
    let environment = host(&issuer, &patiently("redis://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    environment.write_secret("files/store", PASSWORD);
    let other = HostileStore::start(address, |_| Answer::Bytes(b"+OK\r\n".to_vec()));
    let store = leading_to(&other);
    for (case, url) in urls(&store) {
        let outcome = asked(&environment, &with_password(&environment, &url)).success();
        comes_from(&outcome.says("fleet_unavailable"), "issuer");
        assert!(!other.commands().contains(&"AUTH".to_owned()), "{case}: {:?}", other.commands());
    }
    // Without a password they are followed: this shows something.
    for (case, url) in urls(&store) {
        let before = other.connections();
        comes_from(&asked(&environment, &patiently(&url)).success(), "issuer");
        assert!(other.connections() > before, "{case}: it was asked");
    }
    assert!(!other.commands().contains(&"AUTH".to_owned()));
}

/// H3, C4.
#[test]
fn sentinels_are_asked_without_the_password() {
    let issuer = issuer();
    let environment = host(&issuer, &patiently("redis://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    environment.write_secret("files/store", PASSWORD);
    let server = HostileStore::answering(Answer::Bytes(b"+OK\r\n".to_vec()));
    let sentinel = leading_to(&server);
    let (_, url) = &urls(&sentinel)[2];
    comes_from(&asked(&environment, &with_password(&environment, url)).success(), "issuer");
    assert_eq!(sentinel.commands(), ["SENTINEL"]);
    assert!(server.commands().contains(&"AUTH".to_owned()), "the server that they name is: {:?}", server.commands());
}
