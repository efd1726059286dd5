//! The authorization server itself: tokens for client credentials, and what may be asked about them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::http::{Answer, form_decode, parse_form};
use crate::protocol::{Recorded, Settings, TOKEN_PREFIX};

/// Clients and the tokens given to them.
pub(crate) struct Provider {
    /// Client id to client secret.
    clients: HashMap<String, String>,
    /// Tokens that are good at the API.
    tokens: HashMap<String, Grant>,
}

struct Grant {
    client: String,
    scope: String,
}

/// The credentials that a request carries, by the way in which they came.
#[derive(Debug, PartialEq)]
enum Credentials {
    Absent,
    Malformed,
    Given { id: String, secret: String },
}

impl Provider {
    pub(crate) fn new(clients: HashMap<String, String>) -> Self {
        Self { clients, tokens: HashMap::new() }
    }

    /// The true answer to a request.
    pub(crate) fn answer(&mut self, request: &Recorded, settings: &Settings) -> Answer {
        match (request.path.as_str(), request.method.as_str()) {
            ("/token", "POST") => self.token(request, settings),
            ("/introspect", "POST") => self.introspect(request),
            ("/revoke", "POST") => self.revoke(request),
            ("/token" | "/introspect" | "/revoke", _) => Answer::json(405, &json!({ "error": "method_not_allowed" })),
            (path, _) if path == "/api" || path.starts_with("/api/") => self.api(request),
            _ => Answer::json(404, &json!({ "error": "not_found" })),
        }
    }

    fn token(&mut self, request: &Recorded, settings: &Settings) -> Answer {
        let (client, form) = match self.authenticate(request) {
            Ok(authenticated) => authenticated,
            Err(refusal) => return refusal,
        };
        if member(&form, "grant_type") != Some("client_credentials") {
            return refusal(400, "unsupported_grant_type");
        }
        let scope = member(&form, "scope");
        // As Keycloak does: an empty scope is not an absent one.
        if scope == Some("") {
            return refusal(400, "invalid_scope");
        }
        let scope = scope.unwrap_or_default();
        let token = token_text(&client, scope, settings.token_carries_identity);
        let mut answer = json!({ "access_token": token, "token_type": "Bearer" });
        if !settings.expires_in.is_null() {
            answer["expires_in"] = settings.expires_in.clone();
        }
        if !scope.is_empty() {
            answer["scope"] = scope.into();
        }
        for (name, value) in &settings.members {
            answer[name] = value.clone();
        }
        self.tokens.insert(token, Grant { client, scope: scope.to_owned() });
        Answer::json(200, &answer).with("Cache-Control", "no-store")
    }

    fn introspect(&self, request: &Recorded) -> Answer {
        let form = match self.authenticate(request) {
            Ok((_, form)) => form,
            Err(refusal) => return refusal,
        };
        let grant = member(&form, "token").and_then(|token| self.tokens.get(token));
        Answer::json(
            200,
            &match grant {
                Some(grant) => {
                    json!({ "active": true, "client_id": grant.client, "scope": grant.scope })
                }
                None => json!({ "active": false }),
            },
        )
    }

    /// Answers 200 for unknown tokens too (RFC 7009 section 2.2).
    fn revoke(&mut self, request: &Recorded) -> Answer {
        let (client, form) = match self.authenticate(request) {
            Ok(authenticated) => authenticated,
            Err(refusal) => return refusal,
        };
        let Some(token) = member(&form, "token") else {
            return refusal(400, "invalid_request");
        };
        if self.tokens.get(token).is_some_and(|grant| grant.client == client) {
            self.tokens.remove(token);
        }
        Answer::json(200, &json!({}))
    }

    fn api(&self, request: &Recorded) -> Answer {
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match bearer {
            Some(token) if self.tokens.contains_key(token) => Answer::json(200, &json!({ "ok": true })),
            _ => {
                let error = if bearer.is_some() { r#"Bearer error="invalid_token""# } else { "Bearer" };
                Answer::json(401, &json!({ "error": "invalid_token" })).with("WWW-Authenticate", error)
            }
        }
    }

    /// The client's id and the form, or the refusal.
    fn authenticate(&self, request: &Recorded) -> Result<(String, Vec<(String, String)>), Answer> {
        let is_form = request
            .header("content-type")
            .is_some_and(|kind| kind.split(';').next() == Some("application/x-www-form-urlencoded"));
        let Some(form) = parse_form(&request.body.0).filter(|_| is_form) else {
            return Err(refusal(400, "invalid_request"));
        };
        match (basic_credentials(request), post_credentials(&form)) {
            // One method a request (RFC 6749 section 2.3).
            (Credentials::Given { .. }, Credentials::Given { .. }) => Err(refusal(400, "invalid_request")),
            (Credentials::Absent, Credentials::Given { id, secret }) | (Credentials::Given { id, secret }, _)
                if self.clients.get(&id) == Some(&secret) =>
            {
                Ok((id, form))
            }
            _ => Err(refusal(401, "invalid_client").with("WWW-Authenticate", r#"Basic realm="issuer""#)),
        }
    }
}

/// The client secret as a request carries it, whoever sent it: what an echo repeats.
pub(crate) fn presented_secret(request: &Recorded) -> Option<String> {
    let form = parse_form(&request.body.0).unwrap_or_default();
    match (basic_credentials(request), post_credentials(&form)) {
        (Credentials::Given { secret, .. }, _) | (_, Credentials::Given { secret, .. }) => Some(secret),
        _ => None,
    }
}

fn basic_credentials(request: &Recorded) -> Credentials {
    let Some(header) = request.header("authorization") else {
        return Credentials::Absent;
    };
    let decoded = || {
        let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decode(id)?, form_decode(secret)?))
    };
    match decoded() {
        Some((id, secret)) => Credentials::Given { id, secret },
        None => Credentials::Malformed,
    }
}

fn post_credentials(form: &[(String, String)]) -> Credentials {
    match (member(form, "client_id"), member(form, "client_secret")) {
        (Some(id), Some(secret)) => Credentials::Given { id: id.to_owned(), secret: secret.to_owned() },
        (None, Some(_)) => Credentials::Malformed,
        (_, None) => Credentials::Absent,
    }
}

fn member<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer::json(status, &json!({ "error": error }))
}

/// A fresh token. Its first words are what the canary scan looks for.
fn token_text(client: &str, scope: &str, carries_identity: bool) -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system has randomness");
    let mut token = String::from(TOKEN_PREFIX);
    for byte in random {
        token += &format!("{byte:02x}");
    }
    if carries_identity {
        token += &format!(".{}.{}", URL_SAFE_NO_PAD.encode(client), URL_SAFE_NO_PAD.encode(scope));
    }
    token
}
