//! How a client proves itself (RFC 6749 s. 2.3): one arm for each method.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::IssuerError;
use super::jwt::{Assertion, client_assertion};
use super::signing_key::SigningKey;
use crate::profile::{AuthMethod, BasicEncoding};
use crate::system::clock::WallTime;
use crate::system::secret::Secret;

/// The type of every assertion that is sent (RFC 7523 s. 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client, and what it proves itself with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client<'a> {
    /// The client identifier.
    pub client_id: &'a str,
    /// The secret, the private key, or the assertion that another party made.
    pub secret: &'a Secret,
    /// How the client proves itself.
    pub auth: AuthMethod,
    /// How id and secret are written into a Basic header.
    pub basic_encoding: BasicEncoding,
    /// How the client's own assertions are written; `None` if it makes none.
    pub assertion: Option<Assertion<'a>>,
    /// The URLs that it is bound to: a server's text may show them.
    pub urls: [Option<&'a str>; 5],
}

/// A request, ready to be sent: header or body carries the credential, never both.
pub(super) struct Proven {
    /// The value of the `Authorization` header.
    pub(super) authorization: Option<Zeroizing<String>>,
    /// The form-encoded body.
    pub(super) body: Zeroizing<String>,
    /// What a server may repeat and no user may see.
    pub(super) secrets: Vec<Secret>,
}

/// Adds the client's credential to a form, in its place. Each call makes a new assertion: an issuer takes its id once.
pub(super) fn prove(client: &Client<'_>, mut form: Form, now: WallTime) -> Result<Proven, IssuerError> {
    let secret = || client.secret.expose_text().ok_or(IssuerError::Credential("the secret is not text"));
    let mut secrets = vec![client.secret.clone()];
    let mut authorization = None;
    let assertion = match client.auth {
        AuthMethod::ClientSecretBasic => {
            let header = basic(client.client_id, secret()?, client.basic_encoding);
            secrets.push(Secret::from(header.trim_start_matches("Basic ")));
            authorization = Some(header);
            None
        }
        AuthMethod::ClientSecretPost => {
            form.add("client_id", client.client_id);
            form.add("client_secret", secret()?);
            None
        }
        AuthMethod::ClientSecretJwt => Some(assertion(client, &SigningKey::shared(client.secret), now)?),
        AuthMethod::PrivateKeyJwt => {
            let algorithm = client.assertion.and_then(|assertion| assertion.algorithm);
            Some(assertion(client, &SigningKey::private(client.secret, algorithm)?, now)?)
        }
        // The connection proves the client; the body names it (RFC 8705 s. 2).
        AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth => {
            form.add("client_id", client.client_id);
            None
        }
        AuthMethod::FederatedAssertion => Some(Zeroizing::new(secret()?.to_owned())),
    };
    if let Some(assertion) = assertion {
        form.add("client_id", client.client_id);
        form.add("client_assertion_type", JWT_BEARER);
        form.add("client_assertion", &assertion);
        secrets.push(Secret::from(assertion.as_str()));
    }
    Ok(Proven { authorization, body: form.0, secrets })
}

fn assertion(client: &Client<'_>, key: &SigningKey, now: WallTime) -> Result<Zeroizing<String>, IssuerError> {
    let of = client
        .assertion
        .ok_or(IssuerError::Credential("the assertion has no audience: the profile names no issuer"))?;
    client_assertion(&of, client.client_id, key, now)
}

fn basic(client_id: &str, secret: &str, encoding: BasicEncoding) -> Zeroizing<String> {
    let pair = match encoding {
        BasicEncoding::Form => {
            let mut pair = percent_encoded(client_id);
            pair.push(':');
            pair.push_str(&percent_encoded(secret));
            pair
        }
        BasicEncoding::Raw => Zeroizing::new(format!("{client_id}:{secret}")),
    };
    let mut header = Zeroizing::new(String::with_capacity(6 + pair.len() * 4 / 3 + 4));
    header.push_str("Basic ");
    STANDARD.encode_string(pair.as_bytes(), &mut header);
    header
}

/// A form-encoded body in the making.
#[derive(Default)]
pub(super) struct Form(Zeroizing<String>);

impl Form {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&percent_encoded(name));
        self.0.push('=');
        self.0.push_str(&percent_encoded(value));
    }
}

/// Encodes with `%20` for a space and A-Z a-z 0-9 - . _ ~ untouched. It is the one form that every decoding
/// server reads, in a Basic header (RFC 6749 errata 4749) as in a body.
fn percent_encoded(text: &str) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    // Room for everything at once: a string that grows leaves copies behind.
    let mut encoded = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::grant::form;
    use super::*;
    use crate::profile::{Grant, Request};

    const NOW: WallTime = WallTime(1_800_000_000_000_000_000);

    fn proven(auth: AuthMethod, basic_encoding: BasicEncoding, request: &Request) -> Proven {
        let secret = Secret::from("p:a+s%2F/=&? \"#~!ä");
        let client =
            Client { client_id: "id:1", secret: &secret, auth, basic_encoding, assertion: None, urls: [None; 5] };
        prove(&client, form(Grant::ClientCredentials, request), NOW).expect("the secret is text")
    }

    fn decoded(header: &str) -> String {
        let bytes = STANDARD.decode(header.strip_prefix("Basic ").expect("Basic")).expect("Base64");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn basic_encodes_id_and_secret_apart_before_joining_them() {
        let proven = proven(AuthMethod::ClientSecretBasic, BasicEncoding::Form, &Request::default());
        let header = proven.authorization.expect("a header");
        assert_eq!(decoded(&header), "id%3A1:p%3Aa%2Bs%252F%2F%3D%26%3F%20%22%23~%21%C3%A4");
        assert_eq!(*proven.body, "grant_type=client_credentials", "neither id nor secret, no empty scope");
    }

    #[test]
    fn raw_basic_encodes_nothing() {
        let proven = proven(AuthMethod::ClientSecretBasic, BasicEncoding::Raw, &Request::default());
        assert_eq!(decoded(&proven.authorization.expect("a header")), "id:1:p:a+s%2F/=&? \"#~!ä");
    }

    #[test]
    fn post_puts_both_into_the_body_and_sends_no_header() {
        let proven = proven(AuthMethod::ClientSecretPost, BasicEncoding::Form, &Request::default());
        assert!(proven.authorization.is_none());
        assert!(proven.body.ends_with("&client_id=id%3A1&client_secret=p%3Aa%2Bs%252F%2F%3D%26%3F%20%22%23~%21%C3%A4"));
    }

    #[test]
    fn every_part_of_the_request_is_in_the_body() {
        let request = Request::default()
            .with_scopes(["b a"])
            .and_then(|r| r.with_audience("https://api.example"))
            .and_then(|r| r.with_resources(["urn:a", "urn:b"]))
            .and_then(|r| r.with_params([("tenant", "x&y")]))
            .expect("valid");
        let proven = proven(AuthMethod::ClientSecretBasic, BasicEncoding::Form, &request);
        let wanted = "grant_type=client_credentials&scope=a%20b&audience=https%3A%2F%2Fapi.example\
            &resource=urn%3Aa&resource=urn%3Ab&tenant=x%26y";
        assert_eq!(*proven.body, wanted);
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(text in ".{0,40}") {
            let form = format!("v={}", &*percent_encoded(&text));
            let decoded: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).collect();
            prop_assert_eq!(&decoded[0].1, &text);
        }
    }
}
