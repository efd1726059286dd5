//! A keeper of parts that the program brings: no file and no environment is read.
//! `cargo run --example builder -- TOKEN_URL CLIENT_ID < secret`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::io::read_to_string;
use std::time::Duration;

use tokenkeep::{Endpoint, Keeper, Profile, ProfileName, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let token_url = Endpoint::parse(&arguments.next().ok_or("TOKEN_URL is missing")?)?;
    let client_id = arguments.next().ok_or("CLIENT_ID is missing")?;
    let name = ProfileName::parse("example").ok_or("not a profile name")?;
    let mut profile = Profile::new(name, client_id, token_url);
    profile.min_ttl = Duration::from_secs(30); // each token that is handed out lasts that long
    let keeper = Keeper::builder(profile).secret(read_to_string(std::io::stdin())?.trim_end()).build()?;
    let first = keeper.token().await?;
    assert_eq!(keeper.token().await?, first, "kept in memory");
    let other = keeper.request(Request::default().with_scopes(["read"])?).token().await?;
    println!("two tokens: {} and {} characters", first.expose().len(), other.expose().len());
    Ok(())
}
