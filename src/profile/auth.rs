//! How a client proves itself, and the switches that servers differ in.

/// How a client proves itself to the token endpoint (RFC 6749 s. 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthMethod {
    /// Id and secret in the `Authorization` header.
    ClientSecretBasic,
    /// Id and secret in the body.
    ClientSecretPost,
    /// A JWT signed with the secret (RFC 7523, HS256).
    ClientSecretJwt,
    /// A JWT signed with a private key (RFC 7523); the key is the secret, as PEM or JWK.
    PrivateKeyJwt,
    /// A client certificate of an authority that the issuer trusts (RFC 8705 s. 2.1); its key is the secret.
    TlsClientAuth,
    /// A client certificate that is registered itself (RFC 8705 s. 2.2); its key is the secret.
    SelfSignedTlsClientAuth,
    /// A JWT that another party issued to this workload (RFC 7523 s. 2.2): the secret is read at each fetch.
    FederatedAssertion,
}

impl AuthMethod {
    /// Every method with its registered name. The last one has no registered name, and has one of tokenkeep's own.
    pub const ALL: [(AuthMethod, &'static str); 7] = [
        (AuthMethod::ClientSecretBasic, "client_secret_basic"),
        (AuthMethod::ClientSecretPost, "client_secret_post"),
        (AuthMethod::ClientSecretJwt, "client_secret_jwt"),
        (AuthMethod::PrivateKeyJwt, "private_key_jwt"),
        (AuthMethod::TlsClientAuth, "tls_client_auth"),
        (AuthMethod::SelfSignedTlsClientAuth, "self_signed_tls_client_auth"),
        (AuthMethod::FederatedAssertion, "federated_assertion"),
    ];

    /// Returns the registered name (RFC 7591 s. 2).
    pub fn name(self) -> &'static str {
        name_in(&AuthMethod::ALL, self)
    }

    /// Reads a registered name.
    pub fn parse(text: &str) -> Option<AuthMethod> {
        value_in(&AuthMethod::ALL, text)
    }

    /// Returns whether the client signs an assertion of its own.
    pub fn signs(self) -> bool {
        matches!(self, AuthMethod::ClientSecretJwt | AuthMethod::PrivateKeyJwt)
    }

    /// Returns whether the secret is a private key.
    pub fn has_private_key(self) -> bool {
        self == AuthMethod::PrivateKeyJwt || self.shows_certificate()
    }

    /// Returns whether the client shows a certificate.
    pub fn shows_certificate(self) -> bool {
        matches!(self, AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth)
    }
}

/// How id and secret are written into a Basic header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BasicEncoding {
    /// Percent-encoded first, as RFC 6749 s. 2.3.1 requires.
    Form,
    /// As they are, for servers that do not decode. Never chosen by itself.
    Raw,
}

impl BasicEncoding {
    /// Every encoding with its name in a profile.
    pub const ALL: [(BasicEncoding, &'static str); 2] = [(BasicEncoding::Form, "form"), (BasicEncoding::Raw, "raw")];

    /// Returns the name in a profile.
    pub fn name(self) -> &'static str {
        name_in(&BasicEncoding::ALL, self)
    }

    /// Reads a name in a profile.
    pub fn parse(text: &str) -> Option<BasicEncoding> {
        value_in(&BasicEncoding::ALL, text)
    }
}

/// The audience of a client's assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAudience {
    /// The issuer identifier, one string, as RFC 10070 requires.
    Issuer,
    /// The token endpoint, for older servers.
    TokenEndpoint,
}

impl AssertionAudience {
    /// Every audience with its name in a profile.
    pub const ALL: [(AssertionAudience, &'static str); 2] =
        [(AssertionAudience::Issuer, "issuer"), (AssertionAudience::TokenEndpoint, "token_endpoint")];

    /// Reads a name in a profile.
    pub fn parse(text: &str) -> Option<AssertionAudience> {
        value_in(&AssertionAudience::ALL, text)
    }
}

/// Whether an assertion names its type (`typ: client-authentication+jwt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionTyp {
    /// It names it, as RFC 10070 requires.
    On,
    /// Its type is `JWT`, for older servers.
    Off,
}

impl AssertionTyp {
    /// Both with their names in a profile.
    pub const ALL: [(AssertionTyp, &'static str); 2] = [(AssertionTyp::On, "on"), (AssertionTyp::Off, "off")];

    /// Reads a name in a profile.
    pub fn parse(text: &str) -> Option<AssertionTyp> {
        value_in(&AssertionTyp::ALL, text)
    }
}

/// What an assertion is signed with (RFC 7518 s. 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl AssertionAlgorithm {
    /// Every algorithm with its registered name.
    pub const ALL: [(AssertionAlgorithm, &'static str); 4] = [
        (AssertionAlgorithm::Rs256, "RS256"),
        (AssertionAlgorithm::Ps256, "PS256"),
        (AssertionAlgorithm::Es256, "ES256"),
        (AssertionAlgorithm::EdDsa, "EdDSA"),
    ];

    /// Returns the registered name.
    pub fn name(self) -> &'static str {
        name_in(&AssertionAlgorithm::ALL, self)
    }

    /// Reads a registered name.
    pub fn parse(text: &str) -> Option<AssertionAlgorithm> {
        value_in(&AssertionAlgorithm::ALL, text)
    }
}

/// How a client's assertions are written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assertions {
    /// Their audience.
    pub audience: AssertionAudience,
    /// Whether they name their type.
    pub typ: AssertionTyp,
    /// What they are signed with, if the key leaves a choice.
    pub algorithm: Option<AssertionAlgorithm>,
    /// The name of the key at the issuer (`kid`), if the key itself names none.
    pub key_id: Option<String>,
}

impl Default for Assertions {
    fn default() -> Assertions {
        Assertions { audience: AssertionAudience::Issuer, typ: AssertionTyp::On, algorithm: None, key_id: None }
    }
}

/// Whether any holder can use a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenBinding {
    /// Any holder can use it (RFC 6750).
    Bearer,
    /// Each use needs a proof by a key that belongs to it (RFC 9449).
    Dpop,
}

/// The requested grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// `client_credentials` (RFC 6749 s. 4.4).
    ClientCredentials,
    /// `account_credentials`: Zoom's name for much the same.
    AccountCredentials,
}

impl Grant {
    /// Both with the names that are sent.
    pub const ALL: [(Grant, &'static str); 2] =
        [(Grant::ClientCredentials, "client_credentials"), (Grant::AccountCredentials, "account_credentials")];

    /// Returns the name that is sent.
    pub fn name(self) -> &'static str {
        name_in(&Grant::ALL, self)
    }

    /// Reads a name that is sent.
    pub(crate) fn parse(text: &str) -> Option<Grant> {
        value_in(&Grant::ALL, text)
    }
}

/// Whether a token request that failed is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repeats {
    /// A few times, if that can help.
    Bounded,
    /// Never: at some issuers a new token kills the old one.
    Never,
}

impl Repeats {
    /// Both with their names in a profile.
    pub const ALL: [(Repeats, &'static str); 2] = [(Repeats::Bounded, "bounded"), (Repeats::Never, "never")];

    /// Reads a name in a profile.
    pub(crate) fn parse(text: &str) -> Option<Repeats> {
        value_in(&Repeats::ALL, text)
    }
}

/// What a token is, whatever its issuer calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenType {
    /// Any holder can use it (RFC 6750).
    Bearer,
}

impl TokenType {
    /// Every type with its name in a profile.
    pub const ALL: [(TokenType, &'static str); 1] = [(TokenType::Bearer, "bearer")];

    /// Returns the name in a profile.
    pub fn name(self) -> &'static str {
        name_in(&TokenType::ALL, self)
    }

    /// Reads a name in a profile.
    pub fn parse(text: &str) -> Option<TokenType> {
        value_in(&TokenType::ALL, text)
    }
}

pub(in crate::profile) fn name_in<T: Copy + PartialEq>(all: &[(T, &'static str)], value: T) -> &'static str {
    all.iter().find(|(listed, _)| *listed == value).map_or("", |(_, name)| name)
}

pub(in crate::profile) fn value_in<T: Copy>(all: &[(T, &'static str)], text: &str) -> Option<T> {
    all.iter().find(|(_, name)| *name == text).map(|(value, _)| *value)
}
