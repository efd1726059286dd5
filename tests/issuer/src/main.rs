//! The fixture issuer: a small authorization server that gives real tokens and, on order, every bad answer there is.
//!
//! Tests start it as a process of its own; scripts do too. `issuer --help` names its options,
//! and `control.rs` lists the requests of its control port.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for scripts speaks on stdout")]

mod certificates;
mod connection;
mod control;
mod gzip;
mod http;
mod misbehaviour;
mod options;
mod protocol;
mod provider;
mod state;

use std::error::Error;
use std::io::{self, Read};
use std::process::ExitCode;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::certificates::Certificates;
use crate::options::{Options, USAGE};
use crate::protocol::Ready;
use crate::provider::Provider;
use crate::state::Issuer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    // Lives to the end of this function: with it goes ca.pem.
    let temporary = match (options.tls, &options.certificate_directory) {
        (true, None) => Some(public_directory()?),
        _ => None,
    };
    let directory = options.certificate_directory.as_deref().or(temporary.as_ref().map(TempDir::path));
    let certificates = match directory.filter(|_| options.tls) {
        Some(directory) => Some(Arc::new(Certificates::generate(directory, options.address)?)),
        None => None,
    };
    let endpoints = TcpListener::bind((options.address, options.port)).await?;
    let control = TcpListener::bind(("127.0.0.1", options.control_port)).await?;
    let ready = Ready {
        url: format!("{}://{}", if options.tls { "https" } else { "http" }, endpoints.local_addr()?),
        control: format!("http://{}", control.local_addr()?),
        ca: certificates.as_ref().map(|certificates| certificates.ca.display().to_string()),
        pid: std::process::id(),
    };
    let issuer = Arc::new(Issuer::new(Provider::new(options.clients), options.settings, options.scenario));

    let mut end = std::pin::pin!(EndOfLife::new(options.stay)?.wait());
    println!("{}", serde_json::to_string(&ready)?);
    loop {
        tokio::select! {
            accepted = endpoints.accept() => {
                let (tcp, _) = accepted?;
                tokio::spawn(connection::serve(Arc::clone(&issuer), certificates.clone(), tcp));
            }
            accepted = control.accept() => {
                let (tcp, _) = accepted?;
                tokio::spawn(control::serve(Arc::clone(&issuer), tcp));
            }
            () = &mut end => return Ok(()),
        }
    }
}

/// A temporary directory that other users can read: a client under test may be one.
fn public_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755));
    builder.prefix("issuer-").tempdir()
}

/// What ends the issuer. It is listened for from the making on: whoever reads the ready line may send a signal at once.
struct EndOfLife {
    stdin_closed: Option<oneshot::Receiver<()>>,
    #[cfg(unix)]
    terminate: Signal,
}

impl EndOfLife {
    fn new(stay: bool) -> io::Result<Self> {
        Ok(Self {
            stdin_closed: if stay { None } else { Some(stdin_closed()) },
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(mut self) {
        let stdin_closed = async {
            match &mut self.stdin_closed {
                Some(closed) => drop(closed.await),
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        let terminated = self.terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<()>();
        tokio::select! {
            () = stdin_closed => {}
            _ = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, is_closed) = oneshot::channel();
    // A thread, and not the runtime's stdin: a pending read of that would hold up the end of the process.
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while matches!(stdin.read(&mut [0; 64]), Ok(1..)) {}
        let _ = closed.send(());
    });
    is_closed
}
