//! The profile of the command line, as the command line reads it: `cargo run --example profile -- NAME`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use http::{Request, header::AUTHORIZATION};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = std::env::args().nth(1).unwrap_or_else(|| "spotify".to_owned());
    let keeper = tokenkeep::open(&profile)?;
    let token = keeper.token().await?; // cached, or one request for all that want it
    let request = Request::get("https://api.example.com").header(AUTHORIZATION, token.header_value()).body(())?;
    println!("{:?}, {} token of {} characters", request.headers(), token.token_type(), token.expose().len());
    Ok(())
}
