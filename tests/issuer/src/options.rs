//! The command line of the fixture issuer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::protocol::{DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, Order, Settings};

pub(crate) const USAGE: &str = "\
usage: issuer [options]

  --address IP          where to listen (127.0.0.1)
  --port N              port of the endpoints (0: a free one)
  --control-port N      port of the control requests (0: a free one)
  --tls                 https, with certificates by a test authority made at the start
  --cert-dir DIR        where ca.pem is written (a temporary directory)
  --client ID:SECRET    a client, repeatable (test:CANARY-SECRET-of-the-test-client)
  --latency-ms N        time before each answer of the token endpoint (0)
  --expires-in JSON     lifetime in the answer, any JSON value; null leaves it out (3600)
  --scenario JSON       orders to begin with, an array as POST /behave takes them one by one
  --stay                do not end when stdin is closed

Prints one JSON line {\"url\", \"control\", \"ca\", \"pid\"} when it is ready.
Ends when its stdin is closed, or on SIGTERM.";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) control_port: u16,
    pub(crate) tls: bool,
    pub(crate) certificate_directory: Option<PathBuf>,
    pub(crate) clients: HashMap<String, String>,
    pub(crate) settings: Settings,
    pub(crate) scenario: Vec<Order>,
    pub(crate) stay: bool,
}

impl Options {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            address: IpAddr::from([127, 0, 0, 1]),
            port: 0,
            control_port: 0,
            tls: false,
            certificate_directory: None,
            clients: HashMap::new(),
            settings: Settings::default(),
            scenario: Vec::new(),
            stay: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--address" => options.address = parsed(&name, &value()?)?,
                "--port" => options.port = parsed(&name, &value()?)?,
                "--control-port" => options.control_port = parsed(&name, &value()?)?,
                "--tls" => options.tls = true,
                "--cert-dir" => options.certificate_directory = Some(value()?.into()),
                "--latency-ms" => options.settings.latency_ms = parsed(&name, &value()?)?,
                "--expires-in" => options.settings.expires_in = parsed::<Value>(&name, &value()?)?,
                "--stay" => options.stay = true,
                "--client" => {
                    let client = value()?;
                    let (id, secret) = client.split_once(':').ok_or("--client wants ID:SECRET")?;
                    options.clients.insert(id.to_owned(), secret.to_owned());
                }
                "--scenario" => {
                    let orders = value()?;
                    options.scenario = serde_json::from_str(&orders).map_err(|error| format!("{name}: {error}"))?;
                }
                _ => return Err(format!("unknown option {name}")),
            }
        }
        if options.clients.is_empty() {
            options.clients.insert(DEFAULT_CLIENT_ID.to_owned(), DEFAULT_CLIENT_SECRET.to_owned());
        }
        Ok(options)
    }
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}: not a value it can take"))
}
