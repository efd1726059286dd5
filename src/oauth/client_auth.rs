//! How a client proves itself (RFC 6749 s. 2.3): one arm for each method.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::TokenRequest;
use crate::profile::{AuthMethod, BasicEncoding};

/// A token request, ready to be sent: header or body carries the credential, never both.
pub(super) struct Proven {
    /// The value of the `Authorization` header.
    pub(super) authorization: Option<Zeroizing<String>>,
    /// The form-encoded body.
    pub(super) body: Zeroizing<String>,
}

/// Writes the request of RFC 6749 s. 4.4.2 with the client's credential in its place.
///
/// `None` where the secret is not text.
pub(super) fn prove(asked: &TokenRequest<'_>) -> Option<Proven> {
    let secret = asked.secret.expose_text()?;
    let mut form = Form::default();
    form.add("grant_type", "client_credentials");
    let scope = asked.request.scope_text();
    // An empty scope is left out: some issuers refuse it.
    if !scope.is_empty() {
        form.add("scope", &scope);
    }
    if let Some(audience) = asked.request.audience() {
        form.add("audience", audience);
    }
    asked.request.resources().for_each(|resource| form.add("resource", resource));
    asked.request.params().for_each(|(name, value)| form.add(name, value));
    let authorization = match asked.auth {
        AuthMethod::ClientSecretBasic => Some(basic(asked.client_id, secret, asked.basic_encoding)),
        AuthMethod::ClientSecretPost => {
            form.add("client_id", asked.client_id);
            form.add("client_secret", secret);
            None
        }
    };
    Some(Proven { authorization, body: form.0 })
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

#[derive(Default)]
struct Form(Zeroizing<String>);

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(&percent_encoded(name));
        self.0.push('=');
        self.0.push_str(&percent_encoded(value));
    }
}

/// Encodes with `%20` for a space and A-Z a-z 0-9 - . _ ~ untouched: the one form that every
/// decoding server reads, in a Basic header (RFC 6749 errata 4749) as in a body.
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

    use super::*;
    use crate::profile::{Endpoint, Request};
    use crate::secret::Secret;

    fn proven(auth: AuthMethod, basic_encoding: BasicEncoding, request: &Request) -> Proven {
        let token_url = Endpoint::parse("https://a.example/token").expect("a URL");
        let secret = Secret::from("p:a+s%2F/=&? \"#~!ä");
        let asked =
            TokenRequest { token_url: &token_url, client_id: "id:1", secret: &secret, auth, basic_encoding, request };
        prove(&asked).expect("the secret is text")
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
