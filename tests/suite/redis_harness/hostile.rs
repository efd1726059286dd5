//! A store that answers wrongly, as another program sees it.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::KEY;
use crate::common::TestEnvironment;
use crate::common::hostile_store::{Answer, HostileStore};

/// What a client sends to ask for [`KEY`].
const GET: &[u8] = b"*2\r\n$3\r\nget\r\n$16\r\ntokenkeep/v1/key\r\n";

#[test]
fn a_silent_store_takes_connections_and_bytes_and_says_nothing() {
    let store = HostileStore::silent();
    assert_eq!((store.connections(), store.bytes()), (0, 0));
    let mut streams = [(); 3].map(|()| TcpStream::connect(store.address()).expect("it listens"));
    streams.iter_mut().for_each(|stream| stream.write_all(GET).expect("it reads"));
    store.wait_for_connections(3);
    store.wait_for_commands(3);
    assert_eq!((store.connections(), store.bytes(), store.commands()), (3, 3 * GET.len(), vec!["GET".to_owned(); 3]));
    streams[0].set_nonblocking(true).expect("it is connected");
    let nothing = streams[0].read(&mut [0]).expect_err("nothing is there");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    drop(store);
    assert_eq!(streams[1].read(&mut [0]).expect("an orderly end"), 0);
}

#[test]
fn every_command_of_several_that_come_together_or_in_pieces_is_answered_once() {
    let store = HostileStore::answering(Answer::Bytes(b"$-1\r\n".to_vec()));
    let mut stream = TcpStream::connect(store.address()).expect("it listens");
    for piece in [&GET.repeat(2)[..], &GET[..9], &GET[9..GET.len() - 1], &GET[GET.len() - 1..]] {
        stream.write_all(piece).expect("it reads");
    }
    let mut answers = [0; 15];
    stream.read_exact(&mut answers).expect("three answers come");
    assert_eq!(&answers, b"$-1\r\n$-1\r\n$-1\r\n");
    assert_eq!(store.commands().len(), 3);
}

#[test]
fn redis_cli_takes_the_port_for_a_store() {
    let environment = TestEnvironment::new();
    let ask = |store: &HostileStore, words: &[&str]| {
        let port = store.port().to_string();
        environment.program("redis-cli", ["-p", &port]).args(words).run()
    };
    let store = HostileStore::answering_to("GET", Answer::Bytes(b"$5\r\nvalue\r\n".to_vec()));
    assert_eq!(ask(&store, &["GET", KEY]).stdout_str(), "value\n");
    assert_eq!(ask(&store, &["PING"]).stdout_str(), "OK\n");
    assert_eq!(store.connections(), 2);
    assert_eq!(store.url(), format!("redis://127.0.0.1:{}", store.port()));

    let cut = HostileStore::answering(Answer::Cut(b"$5\r\nval".to_vec()));
    ask(&cut, &["GET", KEY]).exits(1).says("closed the connection");
}

#[test]
fn what_is_no_command_is_answered_too() {
    let store = HostileStore::answering(Answer::Bytes(b"no".to_vec()));
    let mut stream = TcpStream::connect(store.address()).expect("it listens");
    stream.write_all(b"\x16\x03\x01\x02\x00").expect("it reads");
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!((&answer, store.commands()), (b"no", vec![String::new()]));
}

#[test]
fn an_endless_answer_lasts_until_its_reader_goes() {
    let store = HostileStore::answering(Answer::Endless(b"$536870912\r\n".to_vec(), vec![b'a'; 65_536]));
    let mut stream = TcpStream::connect(store.address()).expect("it listens");
    stream.write_all(GET).expect("it reads");
    let mut some = vec![0; 8_000_000];
    stream.read_exact(&mut some).expect("megabytes come");
    assert!(some.starts_with(b"$536870912\r\naaaa") && some.ends_with(b"aaaa"));
    // A writer that nobody reads from is not waited for.
    drop(store);
}
