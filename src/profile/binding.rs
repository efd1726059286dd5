//! What a stored secret is bound to: the places it was set for.

use std::fmt;

use super::{AuthMethod, Endpoint, PlainHosts, TokenBinding};
use crate::encoding::hex;
use crate::encoding::tlv::{Malformed, Reader};
use crate::system::secret::SecretDigest;

/// Names one stored secret for ever: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Generation([u8; 16]);

impl Generation {
    /// Takes unique bytes: from the system's randomness, or from a record.
    pub fn new(bytes: [u8; 16]) -> Generation {
        Generation(bytes)
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Generation> {
        hex::decode(text).map(Generation)
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// The places that a stored secret, and the tokens got with it, may be sent to. The binding stands in the
/// profile, which people can read, and in the sealed item beside the secret, which no user can edit. A secret
/// is sent if both are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The stored secret that this is the binding of.
    pub generation: Generation,
    /// The token endpoint.
    pub token_url: Endpoint,
    /// The issuer identifier, as it came: RFC 8414 s. 3.3 compares it as a string.
    pub issuer: Option<String>,
    /// The client identifier.
    pub client_id: String,
    /// How the client proves itself.
    pub auth: AuthMethod,
    /// The introspection endpoint (RFC 7662).
    pub introspection_url: Option<Endpoint>,
    /// The revocation endpoint (RFC 7009).
    pub revocation_url: Option<Endpoint>,
    /// The resource to which `token validate` shows a token.
    pub probe_url: Option<Endpoint>,
    /// The audience of a client assertion (RFC 7523).
    pub assertion_audience: Option<String>,
    /// SHA-256 of the CA file's bytes.
    pub ca_digest: Option<[u8; 32]>,
    /// Whether any holder can use the tokens: a secret that was set for bound tokens gets no others.
    pub token_binding: TokenBinding,
    /// The private hosts that these places may name over plain http.
    pub allow_http: PlainHosts,
    /// SHA-256 of the headers for the token endpoint: their names, and their values or the places of these.
    pub headers_digest: Option<SecretDigest>,
}

impl Binding {
    /// Encodes the binding for the sealed item.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = crate::encoding::tlv::Writer::default();
        let url = |endpoint: &Option<Endpoint>| endpoint.as_ref().map(|e| e.as_str().as_bytes().to_vec());
        writer
            .bytes(1, self.generation.as_bytes())
            .bytes(2, self.token_url.as_str().as_bytes())
            .optional(3, self.issuer.as_deref().map(str::as_bytes))
            .bytes(4, self.client_id.as_bytes())
            .bytes(5, self.auth.name().as_bytes())
            .optional(6, url(&self.introspection_url).as_deref())
            .optional(7, url(&self.revocation_url).as_deref())
            .optional(8, url(&self.probe_url).as_deref())
            .optional(9, self.assertion_audience.as_deref().map(str::as_bytes))
            .optional(10, self.ca_digest.as_ref().map(<[u8; 32]>::as_slice));
        // A later field, present only if it has a value: older items read as before.
        if self.token_binding == TokenBinding::Dpop {
            writer.bytes(11, b"dpop");
        }
        if !self.allow_http.is_empty() {
            writer.list(12, self.allow_http.iter().map(str::as_bytes));
        }
        if let Some(digest) = &self.headers_digest {
            writer.bytes(13, digest.as_bytes());
        }
        writer.finish().to_vec()
    }

    /// Decodes what [`Binding::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Binding, Malformed> {
        let mut reader = Reader::new(bytes);
        let generation = Generation(reader.fixed(1)?);
        let token_url = reader.text(2)?;
        let issuer = reader.optional_text(3)?.map(str::to_owned);
        let client_id = reader.text(4)?.to_owned();
        let auth = AuthMethod::parse(reader.text(5)?).ok_or(Malformed)?;
        let urls = [reader.optional_text(6)?, reader.optional_text(7)?, reader.optional_text(8)?];
        let assertion_audience = reader.optional_text(9)?.map(str::to_owned);
        let ca_digest = reader.optional(10)?.map(|bytes| bytes.try_into().map_err(|_| Malformed)).transpose()?;
        let mut token_binding = TokenBinding::Bearer;
        if reader.next_is(11) {
            token_binding = if reader.bytes(11)? == b"dpop" { TokenBinding::Dpop } else { return Err(Malformed) };
        }
        let mut allow_http = PlainHosts::default();
        if reader.next_is(12) {
            let hosts = reader.list(12)?.into_iter().map(std::str::from_utf8).collect::<Result<Vec<_>, _>>();
            allow_http = PlainHosts::new(hosts.map_err(|_| Malformed)?).map_err(|_| Malformed)?;
        }
        let headers_digest = if reader.next_is(13) { Some(SecretDigest(reader.fixed(13)?)) } else { None };
        reader.finish()?;
        // Last: the hosts that may be plain stand behind them.
        let endpoint = |text: &str| Endpoint::parse_with(text, &allow_http).map_err(|_| Malformed);
        let [introspection_url, revocation_url, probe_url] = urls.map(|url| url.map(endpoint).transpose());
        Ok(Binding {
            generation,
            token_url: endpoint(token_url)?,
            issuer,
            client_id,
            auth,
            introspection_url: introspection_url?,
            revocation_url: revocation_url?,
            probe_url: probe_url?,
            assertion_audience,
            ca_digest,
            token_binding,
            allow_http,
            headers_digest,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Binding {
        Binding {
            generation: Generation([7; 16]),
            token_url: Endpoint::parse("https://issuer.example/token").expect("a URL"),
            issuer: Some("https://issuer.example".to_owned()),
            client_id: "client".to_owned(),
            auth: AuthMethod::ClientSecretBasic,
            introspection_url: None,
            revocation_url: None,
            probe_url: Some(Endpoint::parse("https://api.example/ping").expect("a URL")),
            assertion_audience: None,
            ca_digest: Some([9; 32]),
            token_binding: TokenBinding::Bearer,
            allow_http: PlainHosts::default(),
            headers_digest: None,
        }
    }

    #[test]
    fn a_binding_is_read_back_as_it_was_written() {
        assert_eq!(Binding::decode(&sample().encode()), Ok(sample()));
        let bound = Binding { token_binding: TokenBinding::Dpop, ..sample() };
        assert_eq!(Binding::decode(&bound.encode()), Ok(bound.clone()));
        assert_eq!((bound.differs_in(&sample()), sample().differs_in(&bound)), (Some("dpop"), None));
        let allow_http = PlainHosts::new(["keycloak", "10.0.0.7"]).expect("private hosts");
        let token_url = Endpoint::parse_with("http://keycloak:8080/token", &allow_http).expect("a URL");
        let plain = Binding { token_url, allow_http, ..bound };
        assert_eq!(Binding::decode(&plain.encode()), Ok(plain.clone()));
        let with_headers = Binding { headers_digest: Some(SecretDigest([3; 32])), ..plain };
        assert_eq!(Binding::decode(&with_headers.encode()), Ok(with_headers));
    }

    #[test]
    fn an_issuer_keeps_the_text_it_came_as() {
        let mut other = sample();
        other.issuer = Some("https://issuer.example/".to_owned());
        assert_eq!(sample().differs_in(&other), Some("issuer"));
    }

    #[test]
    fn every_place_is_compared() {
        let url = || Some(Endpoint::parse("https://evil.example/").expect("a URL"));
        type Edit = fn(&mut Binding, Option<Endpoint>);
        let edits: [(&str, Edit); 10] = [
            ("token_url", |b, url| b.token_url = url.expect("given")),
            ("client_id", |b, _| b.client_id.push('x')),
            ("auth", |b, _| b.auth = AuthMethod::ClientSecretPost),
            ("introspection_url", |b, url| b.introspection_url = url),
            ("revocation_url", |b, url| b.revocation_url = url),
            ("probe_url", |b, url| b.probe_url = url),
            ("assertion_audience", |b, _| b.assertion_audience = Some("x".to_owned())),
            ("ca_file", |b, _| b.ca_digest = None),
            ("allow_http", |b, _| b.allow_http = PlainHosts::new(["a"]).expect("a private host")),
            ("headers", |b, _| b.headers_digest = Some(SecretDigest([1; 32]))),
        ];
        for (name, edit) in edits {
            let mut other = sample();
            edit(&mut other, url());
            assert_eq!(sample().differs_in(&other), Some(name));
        }
    }

    #[test]
    fn a_generation_is_32_lower_case_digits() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(Generation::parse(text).map(|g| g.to_string()).as_deref(), Some(text));
        for wrong in ["", "00", &text.to_uppercase(), &format!("{text}00")] {
            assert_eq!(Generation::parse(wrong), None, "{wrong}");
        }
    }
}
