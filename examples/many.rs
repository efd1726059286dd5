//! Many profiles and scopes behind one HTTP client: `cargo run --example many -- PROFILE SCOPE URL [PROFILE SCOPE URL]...`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::collections::HashMap;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, Response, StatusCode};
use tokenkeep::Keeper;
use tokenkeep::profile::Request;

/// One HTTP client for all APIs, and one keeper for each profile and scope.
#[derive(Default)]
struct Apis {
    client: Client,
    keepers: HashMap<(String, String), Keeper>,
}

impl Apis {
    /// Opens a profile once; for each further scope the keepers share what they can.
    fn keeper(&mut self, profile: &str, scope: &str) -> Result<Keeper, Box<dyn std::error::Error>> {
        let key = (profile.to_owned(), scope.to_owned());
        if let Some(keeper) = self.keepers.get(&key) {
            return Ok(keeper.clone());
        }
        let opened = self.keepers.iter().find(|((other, _), _)| other == profile).map(|(_, keeper)| keeper.clone());
        let profile = opened.map_or_else(|| tokenkeep::open(profile), Ok)?;
        let keeper = profile.with_request(Request::default().with_scopes([scope])?);
        self.keepers.insert(key, keeper.clone());
        Ok(keeper)
    }

    /// Sends a request with the token that it needs. If the API refuses the token, it sends the request once more with
    /// another one: of all that were refused, one call requests it.
    async fn get(&mut self, profile: &str, scope: &str, url: &str) -> Result<Response, Box<dyn std::error::Error>> {
        let keeper = self.keeper(profile, scope)?;
        let token = keeper.token().await?;
        let response = self.client.get(url).header(AUTHORIZATION, token.header_value()).send().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        keeper.reject(&token)?;
        let token = keeper.token().await?;
        Ok(self.client.get(url).header(AUTHORIZATION, token.header_value()).send().await?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut apis = Apis::default();
    for call in arguments.chunks_exact(3) {
        let [profile, scope, url] = call else { continue };
        let response = apis.get(profile, scope, url).await?;
        println!("{profile} {scope}: {}", response.status());
    }
    println!("{} keepers", apis.keepers.len());
    Ok(())
}
