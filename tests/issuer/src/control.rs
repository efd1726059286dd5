//! The control port: JSON over HTTP, for tests and for scripts with curl.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /count[?path=/token]` | `{"count": N}`: requests that arrived |
//! | `GET /requests` | every request that arrived |
//! | `GET /connections` | connections and bytes received |
//! | `GET /wait?path=/token&count=N` | answers once N requests have arrived |
//! | `GET /wait?accepted=N` | answers once N connections were accepted |
//! | `GET /wait?open=N` | answers once N connections at most are open |
//! | `POST /behave` | an order for requests |
//! | `POST /behave-on-connect` | an order for connections |
//! | `POST /settings` | changes the members it is sent |
//! | `POST /release` | lets held requests go on |
//! | `POST /reset` | forgets orders, settings, requests and traffic |

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::http::{Answer, close, parse_form, read_request, read_to_end};
use crate::protocol::Recorded;
use crate::state::Issuer;

pub(crate) async fn serve(issuer: Arc<Issuer>, mut tcp: TcpStream) -> io::Result<()> {
    let Some(request) = read_request(&mut tcp).await? else {
        return Ok(());
    };
    // A tester that is killed while it waits ends its wait.
    let answer = tokio::select! {
        answer = answer(&issuer, &request) => answer,
        () = read_to_end(&mut tcp) => return Ok(()),
    };
    answer.unwrap_or_else(|error| Answer::json(400, &json!({ "error": error }))).send(&mut tcp).await?;
    close(&mut tcp).await;
    Ok(())
}

async fn answer(issuer: &Issuer, request: &Recorded) -> Result<Answer, String> {
    let query = parse_form(request.query.as_bytes()).ok_or("malformed query")?;
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let body = &request.body.0;
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/count") => return answered(&json!({ "count": issuer.count(asked("path")) })),
        ("GET", "/requests") => return answered(&issuer.requests()),
        ("GET", "/connections") => return answered(&issuer.traffic()),
        ("GET", "/wait") => match (asked("count"), asked("accepted"), asked("open")) {
            (Some(count), None, None) => {
                let count: usize = number(count)?;
                issuer.until(|issuer| issuer.count(asked("path")) >= count).await;
            }
            (None, Some(accepted), None) => {
                let accepted = number(accepted)?;
                issuer.until(|issuer| issuer.traffic().accepted >= accepted).await;
            }
            (None, None, Some(open)) => {
                let open = number(open)?;
                issuer.until(|issuer| issuer.traffic().open <= open).await;
            }
            _ => return Err("wait needs one of count, accepted, open".to_owned()),
        },
        ("POST", "/behave") => issuer.order(parsed(body)?),
        ("POST", "/behave-on-connect") => issuer.order_connections(parsed(body)?),
        ("POST", "/settings") => issuer.change_settings(parsed(body)?).map_err(|error| error.to_string())?,
        ("POST", "/release") => issuer.release(),
        ("POST", "/reset") => issuer.reset(),
        _ => return Err("unknown request".to_owned()),
    }
    answered(&json!({ "ok": true }))
}

fn answered(body: &impl Serialize) -> Result<Answer, String> {
    let body: Value = serde_json::to_value(body).map_err(|error| error.to_string())?;
    Ok(Answer::json(200, &body))
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a number is needed".to_owned())
}
