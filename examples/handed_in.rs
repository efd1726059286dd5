//! A keeper of parts that the program brings: no file and no environment is read, and none is written.
//! `cargo run --example handed_in -- TOKEN_URL CLIENT_ID < secret`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::io::read_to_string;
use std::time::Duration;

use tokenkeep::profile::{Endpoint, Request};
use tokenkeep::{Keeper, Profile, ProfileName};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let token_url = Endpoint::parse(&arguments.next().ok_or("TOKEN_URL is missing")?)?;
    let client_id = arguments.next().ok_or("CLIENT_ID is missing")?;
    let name = ProfileName::parse("example").ok_or("not a profile name")?;
    let mut profile = Profile::new(name, client_id, token_url);
    profile.min_ttl = Duration::from_secs(30); // each token that is handed out lasts that long
    let secret = read_to_string(std::io::stdin())?;
    let keeper = Keeper::builder(profile)
        .secret(secret.trim_end())
        .timeout(Duration::from_secs(10))
        .on_warning(|warning| println!("{}: {warning}", warning.code()))
        .build()?;
    let first = keeper.token().await?;
    assert_eq!(keeper.token().await?, first, "kept in memory");
    let other = keeper.with_request(Request::default().with_scopes(["read"])?).token().await?;
    println!("two tokens: {} and {} characters", first.expose().len(), other.expose().len());
    Ok(())
}
