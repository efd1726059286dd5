//! The profile of the command line, as the command line reads it: `cargo run --example library -- NAME`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = std::env::args().nth(1).unwrap_or_else(|| "spotify".to_owned());
    let keeper = tokenkeep::open(&profile)?;
    let token = match keeper.cached()? {
        Some(token) => token,          // no network, no runtime needed
        None => keeper.token().await?, // one request for all who ask
    };
    println!("{} token of {} characters", token.token_type(), token.expose().len());
    Ok(())
}
