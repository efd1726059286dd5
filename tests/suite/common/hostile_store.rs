//! A port that a client takes for a server of the Redis protocol, and that never says what it should.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// No test waits for this; it turns a wait for what never happens into a failure.
const NEVER: Duration = Duration::from_secs(120);

/// What comes back for a command.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Nothing, and the connection stays open.
    Silence,
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, and the end of the connection.
    Cut(Vec<u8>),
    /// The first bytes, and then the second ones for as long as somebody takes them.
    Endless(Vec<u8>, Vec<u8>),
}

/// A listener in the test process; its connections end when this is dropped.
pub(crate) struct HostileStore {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<dyn Fn(&str) -> Answer + Send + Sync>,
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    bytes: usize,
    commands: Vec<String>,
    open: Vec<TcpStream>,
    ended: bool,
}

impl HostileStore {
    /// One that takes connections and what they send, and never says a byte.
    pub(crate) fn silent() -> Self {
        Self::answering(Answer::Silence)
    }

    /// One that answers every command so.
    pub(crate) fn answering(answer: Answer) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), move |_| answer.clone())
    }

    /// One that answers this command so, and every other one with `OK`.
    pub(crate) fn answering_to(command: &'static str, answer: Answer) -> Self {
        Self::start(Ipv4Addr::LOCALHOST.into(), move |given| match given == command {
            true => answer.clone(),
            false => Answer::Bytes(b"+OK\r\n".to_vec()),
        })
    }

    /// One that is told a command's first word, in capitals, and says what comes back.
    pub(crate) fn start(address: IpAddr, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { answer: Box::new(answer), seen: Mutex::default(), changed: Condvar::new() });
        let for_listening = Arc::clone(&shared);
        let listening = std::thread::spawn(move || listen(&listener, &for_listening));
        Self { address, shared, listening: Some(listening) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What `url` of `[fleet]` would say.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Connections that were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.seen().connections
    }

    /// Bytes that were received so far.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.seen().bytes
    }

    /// The first words of the commands so far, in capitals.
    pub(crate) fn commands(&self) -> Vec<String> {
        self.shared.seen().commands.clone()
    }

    pub(crate) fn wait_for_connections(&self, count: usize) {
        self.shared.wait_until(|seen| seen.connections >= count);
    }

    pub(crate) fn wait_for_commands(&self, count: usize) {
        self.shared.wait_until(|seen| seen.commands.len() >= count);
    }
}

impl Drop for HostileStore {
    fn drop(&mut self) {
        let mut seen = self.shared.seen();
        seen.ended = true;
        seen.open.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        drop(seen);
        // The listener waits for a connection: this is the last one.
        let _ = TcpStream::connect(self.address);
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.changed.notify_all();
    }

    fn wait_until(&self, holds: impl Fn(&Seen) -> bool) {
        let waiting = self.changed.wait_timeout_while(self.seen(), NEVER, |seen| !holds(seen));
        let (_seen, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "the store waited for a client in vain");
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        let Ok(held) = stream.try_clone() else { continue };
        let mut seen = shared.seen();
        if seen.ended {
            return;
        }
        seen.connections += 1;
        seen.open.push(held);
        drop(seen);
        shared.changed.notify_all();
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // However it ended: the client's side sees the end of the connection, or made it.
            let _ = serve(&stream, &shared);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut received = VecDeque::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some)?;
        if count == 0 {
            return Ok(());
        }
        received.extend(&some[..count]);
        shared.note(|seen| seen.bytes += count);
        while let Some(command) = take_command(&mut received) {
            let answer = (shared.answer)(&command);
            shared.note(|seen| seen.commands.push(command));
            match answer {
                Answer::Silence => {}
                Answer::Bytes(bytes) => stream.write_all(&bytes)?,
                Answer::Cut(bytes) => return stream.write_all(&bytes),
                Answer::Endless(start, more) => {
                    stream.write_all(&start)?;
                    loop {
                        stream.write_all(&more)?;
                    }
                }
            }
        }
    }
}

/// Takes a whole command off the front, `*2\r\n$3\r\nGET\r\n$1\r\na\r\n`, and returns its first word. What does not begin
/// so, such as a TLS handshake, is taken as it came and is a command without a name.
fn take_command(received: &mut VecDeque<u8>) -> Option<String> {
    if *received.front()? != b'*' {
        received.clear();
        return Some(String::new());
    }
    let bytes = received.make_contiguous();
    let (count, mut end) = number(bytes, 1)?;
    let mut name = None;
    for _ in 0..count {
        let (length, begin) = number(bytes, end + 1)?;
        let word = bytes.get(begin..begin + length)?;
        name.get_or_insert_with(|| String::from_utf8_lossy(word).to_uppercase());
        end = begin + length + 2;
    }
    if received.len() < end {
        return None;
    }
    received.drain(..end);
    Some(name.unwrap_or_default())
}

/// The number at a position, and where the line after it begins.
fn number(bytes: &[u8], begin: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(begin..)?;
    let length = rest.windows(2).position(|window| window == b"\r\n")?;
    let number = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
    Some((number, begin + length + 2))
}
