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
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
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
    let temporary = tempfile::tempdir()?;
    let certificates = match options.tls {
        true => {
            let directory = options.certificate_directory.as_deref().unwrap_or(temporary.path());
            Some(Arc::new(Certificates::generate(directory)?))
        }
        false => None,
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

    let mut end = std::pin::pin!(end_of_life(options.stay));
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

/// Ends when stdin is closed, unless told to stay, and on SIGTERM and Ctrl-C.
async fn end_of_life(stay: bool) {
    tokio::select! {
        () = stdin_closed(), if !stay => {}
        () = terminated() => {}
    }
}

async fn stdin_closed() {
    let (closed, is_closed) = oneshot::channel();
    // A thread, and not the runtime's stdin: a pending read of that would hold up the end of the process.
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        while matches!(stdin.read(&mut [0; 64]), Ok(1..)) {}
        let _ = closed.send(());
    });
    let _ = is_closed.await;
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    let _ = tokio::signal::ctrl_c().await;
}
