//! Performs what was ordered for a request, bad answers above all.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::connection::Wire;
use crate::gzip;
use crate::http::{Answer, close, header, read_to_end};
use crate::protocol::{Behaviour, EchoFormat, Part, Point, Recorded};
use crate::provider::presented_secret;
use crate::state::Issuer;

/// Records the request, does what was ordered for it and ends the connection.
pub(crate) async fn perform(issuer: &Issuer, request: &Recorded, wire: &mut dyn Wire) -> io::Result<()> {
    let (behaviour, release) = issuer.arrive(request);
    match behaviour {
        Behaviour::Normal => issuer.answer(request).await.send(wire).await?,
        Behaviour::Answer { status, headers, body } => {
            Answer { status, headers, body: body.0 }.send(wire).await?;
        }
        Behaviour::Raw { bytes } => send(wire, &bytes.0).await?,
        Behaviour::Redirect { status, location } => {
            Answer::json(status, &json!({})).with("Location", &location).send(wire).await?;
        }
        Behaviour::Hold => {
            // A client that is killed meanwhile is noticed at once, so that its connection does not count as open.
            tokio::select! {
                () = release.wait() => issuer.answer(request).await.send(wire).await?,
                () = read_to_end(wire) => {}
            }
        }
        Behaviour::Silence => read_to_end(wire).await,
        Behaviour::Drip { part, interval_ms } => {
            drip(&issuer.answer(request).await, part, Duration::from_millis(interval_ms), wire).await?;
        }
        Behaviour::Close { at } => {
            let answer = issuer.answer(request).await;
            send(wire, &cut(&answer, at)).await?;
        }
        Behaviour::Reset => {
            wire.tcp().set_zero_linger()?;
            return Ok(());
        }
        Behaviour::EndlessBody => endless_body(issuer.answer(request).await, wire).await?,
        Behaviour::GzipBomb => {
            let mut answer = issuer.answer(request).await.with("Content-Encoding", "gzip");
            answer.body = gzip::bomb(&answer.body);
            answer.send(wire).await?;
        }
        Behaviour::ManyHeaders { count } => many_headers(&issuer.answer(request).await, count, wire).await?,
        Behaviour::LyingLength { declared, body } => {
            let headers =
                vec![header("Content-Type", "application/json"), header("Content-Length", &declared.to_string())];
            Answer { status: 200, headers, body: body.0 }.send(wire).await?;
        }
        Behaviour::Echo { status, format } => echo(request, status, format).send(wire).await?,
    }
    close(wire).await;
    Ok(())
}

async fn send(wire: &mut dyn Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes).await?;
    wire.flush().await
}

/// The first bytes of an answer, up to the point where it breaks off.
fn cut(answer: &Answer, at: Point) -> Vec<u8> {
    let mut bytes = answer.head();
    match at {
        Point::AfterReading => bytes.clear(),
        Point::MidHead => bytes.truncate(bytes.len() / 2),
        Point::MidBody => bytes.extend_from_slice(&answer.body[..answer.body.len() / 2]),
    }
    bytes
}

async fn drip(answer: &Answer, part: Part, interval: Duration, wire: &mut dyn Wire) -> io::Result<()> {
    let head = answer.head();
    let (slow, fast): (&[u8], &[u8]) = match part {
        Part::Head => (&head, &answer.body),
        Part::Body => {
            send(wire, &head).await?;
            (&answer.body, &[])
        }
    };
    for byte in slow {
        send(wire, &[*byte]).await?;
        tokio::time::sleep(interval).await;
    }
    send(wire, fast).await
}

/// Goes on inside a string member after the token, so that no prefix of it is a complete document.
async fn endless_body(mut answer: Answer, wire: &mut dyn Wire) -> io::Result<()> {
    answer.headers.push(header("Transfer-Encoding", "chunked"));
    send(wire, &answer.head()).await?;
    let start = answer.body.strip_suffix(b"}").unwrap_or(&answer.body);
    let mut piece = [start, br#","padding":""#].concat();
    loop {
        let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
        send(wire, &chunk).await?;
        piece = vec![b'a'; 16 * 1024];
    }
}

async fn many_headers(answer: &Answer, count: u64, wire: &mut dyn Wire) -> io::Result<()> {
    let head = answer.head();
    let end_of_lines = head.len() - 2;
    send(wire, &head[..end_of_lines]).await?;
    let mut lines = Vec::new();
    for number in 0..count {
        lines.extend_from_slice(format!("X-Line-{number}: a\r\n").as_bytes());
        if lines.len() > 16 * 1024 {
            send(wire, &lines).await?;
            lines.clear();
        }
    }
    lines.extend_from_slice(b"\r\n");
    lines.extend_from_slice(&answer.body);
    send(wire, &lines).await
}

/// Repeats all that a client must never see in its own errors.
fn echo(request: &Recorded, status: u16, format: EchoFormat) -> Answer {
    let secret = presented_secret(request).unwrap_or_default();
    let authorization = request.header("authorization").unwrap_or_default();
    let form = String::from_utf8_lossy(&request.body.0);
    match format {
        EchoFormat::Json => Answer::json(
            status,
            &json!({
                "error": "invalid_client",
                "error_description": format!("secret {secret} of {authorization} with {form} is wrong"),
                "error_uri": format!("https://issuer.test/help?secret={secret}"),
                "client_secret": secret,
                "authorization": authorization,
                "request": { "body": form, "headers": request.headers },
            }),
        ),
        EchoFormat::Html => Answer {
            status,
            headers: vec![header("Content-Type", "text/html; charset=utf-8")],
            body: format!("<html><body><h1>{status}</h1><pre>{secret}\n{authorization}\n{form}</pre></body></html>")
                .into_bytes(),
        },
    }
}
