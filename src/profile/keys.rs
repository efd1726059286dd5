//! The keys of a profile's file. Each stands here once: what reads, writes, merges, shows or describes profiles goes
//! through this table.

use std::mem::take;

#[cfg(feature = "cli")]
use super::TokenBinding;
#[cfg(feature = "cli")]
use super::auth::name_in;
use super::file::ProfileError;
use super::gap::gap;
#[cfg(test)]
use super::key::Page;
#[cfg(feature = "cli")]
use super::key::Shown;
#[cfg(any(test, feature = "cli"))]
use super::key::Topic;
use super::key::{Field, Key, Variable};
use super::reading::Source;
#[cfg(feature = "cli")]
use super::shown;
#[cfg(any(test, feature = "cli"))]
use super::writing;
use super::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, AuthMethod, BasicEncoding, EndpointError, Repeats, TokenType,
    binding_table, preset, reading,
};
#[cfg(feature = "cli")]
use crate::encoding::duration;
use crate::encoding::kind::Kind;

/// Makes the row of a key.
macro_rules! key {
    (
        $name:ident: $kind:ident, $topic:ident, $variable:expr, field: $field:expr, shown: $shown:expr,
        about: $about:literal, otherwise: $otherwise:literal, example: $example:literal,
    ) => {
        Key {
            name: stringify!($name),
            kind: Kind::$kind,
            variable: $variable,
            field: $field,
            #[cfg(any(test, feature = "cli"))]
            topic: Topic::$topic,
            #[cfg(feature = "cli")]
            shown: $shown,
            #[cfg(test)]
            page: Page { about: $about, otherwise: $otherwise, example: $example },
        }
    };
}

/// How a key stands in the file. The front only reads, so nothing else is linked into it.
macro_rules! access {
    (
        read: $read:expr, write: $write:expr, differs: $differs:expr, take_missing: $take_missing:expr,
        words: $words:expr,
    ) => {
        Field {
            read: $read,
            #[cfg(any(test, feature = "cli"))]
            edit: writing::Edit { write: $write, differs: $differs, take_missing: $take_missing },
            #[cfg(test)]
            words: $words,
        }
    };
}

/// A field that holds the value of one key: how that is read, and written.
macro_rules! field {
    ($field:ident, $read:expr, $write:expr) => {
        field!($field, $read, $write, Vec::new)
    };
    ($field:ident, $read:expr, $write:expr, $words:expr) => {
        access! {
            read: |source, file| {
                file.$field = $read(source, stringify!($field))?;
                Ok(())
            },
            write: |file| file.$field.as_ref().map($write).map(toml_edit::value),
            differs: |one, other| one.$field != other.$field,
            take_missing: |file, other| file.$field = file.$field.take().or_else(|| other.$field.take()),
            words: $words,
        }
    };
}

/// A field that holds one of the words of a type.
macro_rules! one_of {
    ($field:ident, $type:ty) => {
        field!(
            $field,
            |source, key| reading::one_of(source, key, &<$type>::ALL),
            |value| writing::word(&<$type>::ALL, *value),
            || <$type>::ALL.iter().map(|(_, name)| *name).collect()
        )
    };
}

/// A part of the request: how that is read into it, and written. A request is merged as a whole.
macro_rules! part {
    ($part:ident, $read:ident, $with:ident, $write:expr) => {
        access! {
            read: |source, file| {
                if let Some(part) = source.table.$read(stringify!($part))? {
                    let request = take(&mut file.request).$with(part);
                    file.request = request.map_err(|why| source.table.invalid(stringify!($part), why.to_string()))?;
                }
                Ok(())
            },
            write: |file| $write(file.request.$part()).map(toml_edit::value),
            differs: |one, other| one.request.$part().into_iter().ne(other.request.$part()),
            take_missing: |_, _| {},
            words: Vec::new,
        }
    };
}

/// Every key, in the order in which they are read and written.
#[rustfmt::skip]
pub(crate) static KEYS: [Key; 31] = [
    key! {
        provider: Text, Client, Variable::Names,
        field: field!(provider, |source, key| reading::checked(source, key, known_provider), writing::text),
        shown: Shown::Value(|file, _| file.provider.clone()),
        about: "A provider of docs/providers.md, which brings the URLs and what else is known of it",
        otherwise: "`token_url` is needed",
        example: r#""spotify""#,
    },
    key! {
        client_id: Text, Client, Variable::Names,
        field: field!(client_id, |source, key| reading::checked(source, key, not_empty), writing::text),
        shown: Shown::Value(|_, profile| Some(profile.client_id.clone())),
        about: "The client identifier",
        otherwise: "it is needed",
        example: r#""billing""#,
    },
    key! {
        token_url: Url, Client, Variable::Names,
        field: field!(token_url, reading::url, writing::url),
        shown: Shown::Value(|_, profile| Some(profile.token_url.to_string())),
        about: "The token endpoint",
        otherwise: "that of `provider`",
        example: r#""https://id.example.com/token""#,
    },
    key! {
        issuer: Text, Client, Variable::Names,
        field: field!(issuer, |source, key| reading::checked(source, key, no_gap), writing::text),
        shown: Shown::Value(|_, profile| profile.issuer.clone()),
        about: "The issuer identifier, exactly as the issuer writes it",
        otherwise: "none",
        example: r#""https://id.example.com""#,
    },
    key! {
        allow_http: Texts, Client, Variable::Refused("no variable allows plain http"),
        field: field!(allow_http, |source: &Source<'_>, _| Ok::<_, ProfileError>(source.allow_http.clone()), writing::hosts),
        shown: Shown::Value(|_, profile| shown::hosts(&profile.allow_http)),
        about: "Private hosts that plain http may go to, for development",
        otherwise: "loopback only",
        example: r#"["keycloak"]"#,
    },
    key! {
        headers: Headers, Client, Variable::Refused("no variable holds headers"),
        field: field!(headers, reading::headers, writing::headers),
        shown: Shown::Value(|_, profile| shown::headers(&profile.headers)),
        about: "Headers for a gateway before the token endpoint",
        otherwise: "none",
        example: r#"{ "x-api-key" = { file = "/run/key" } }"#,
    },
    key! {
        auth: Word, Client, Variable::Sets,
        field: one_of!(auth, AuthMethod),
        shown: Shown::Value(|_, profile| Some(profile.auth.name().to_owned())),
        about: "How the client proves itself",
        otherwise: "that of `provider`, else `client_secret_basic`",
        example: r#""private_key_jwt""#,
    },
    key! {
        scopes: Texts, Request, Variable::Sets,
        field: part!(scopes, texts, with_scopes, writing::listed),
        shown: Shown::As("scope", |_, profile| Some(profile.request.scope_text())),
        about: "The scopes to request",
        otherwise: "none",
        example: r#"["read", "write"]"#,
    },
    key! {
        audience: Text, Request, Variable::Sets,
        field: part!(audience, text, with_audience, |audience: Option<&str>| audience.map(toml_edit::Value::from)),
        shown: Shown::Value(|_, profile| profile.request.audience().map(str::to_owned)),
        about: "The API that the token is for, as Auth0 and others name it",
        otherwise: "none",
        example: r#""https://api.example.com""#,
    },
    key! {
        resources: Texts, Request, Variable::Sets,
        field: part!(resources, texts, with_resources, writing::listed),
        shown: Shown::Value(|_, profile| shown::words(profile.request.resources())),
        about: "The resources that the token is for (RFC 8707)",
        otherwise: "none",
        example: r#"["https://api.example.com/"]"#,
    },
    key! {
        params: Pairs, Request, Variable::Refused("no variable holds further parameters"),
        field: part!(params, pairs, with_params, writing::paired),
        shown: Shown::Value(|_, profile| shown::params(&profile.request)),
        about: "Further parameters of the token request",
        otherwise: "none",
        example: r#"{ tenant = "a" }"#,
    },
    key! {
        basic_encoding: Word, Client, Variable::Sets,
        field: one_of!(basic_encoding, BasicEncoding),
        shown: Shown::Value(|_, profile| Some(profile.basic_encoding.name().to_owned())),
        about: "How a Basic header is written: `form` as RFC 6749 requires, `raw` for servers that do not decode",
        otherwise: "`form`",
        example: r#""form""#,
    },
    key! {
        assertion_audience: Word, Proof, Variable::Sets,
        field: one_of!(assertion_audience, AssertionAudience),
        shown: Shown::Value(|_, profile| {
            profile.assertion_audience().filter(|_| profile.auth.signs()).map(str::to_owned)
        }),
        about: "The audience of an assertion that the client signs: `token_endpoint` is for older servers",
        otherwise: "`issuer`",
        example: r#""issuer""#,
    },
    key! {
        assertion_typ: Word, Proof, Variable::Sets,
        field: one_of!(assertion_typ, AssertionTyp),
        shown: Shown::Value(|_, profile| {
            profile.auth.signs().then(|| name_in(&AssertionTyp::ALL, profile.assertions.typ).to_owned())
        }),
        about: "Whether an assertion names its type: `off` is for older servers",
        otherwise: "`on`",
        example: r#""on""#,
    },
    key! {
        assertion_algorithm: Word, Proof, Variable::Sets,
        field: one_of!(assertion_algorithm, AssertionAlgorithm),
        shown: Shown::Value(|_, profile| profile.assertions.algorithm.map(|algorithm| algorithm.name().to_owned())),
        about: "The algorithm that an assertion is signed with, if the key leaves a choice",
        otherwise: "chosen by the key",
        example: r#""PS256""#,
    },
    key! {
        assertion_key_id: Text, Proof, Variable::Sets,
        field: field!(assertion_key_id, reading::text, writing::text),
        shown: Shown::Value(|_, profile| profile.assertions.key_id.clone()),
        about: "The name of the key at the issuer (`kid`), if the key itself names none",
        otherwise: "that of the key",
        example: r#""2026-11""#,
    },
    key! {
        certificate_file: Path, Proof, Variable::Sets,
        field: field!(certificate_file, reading::path, writing::path),
        shown: Shown::Value(|_, profile| profile.certificate.as_ref().map(|certificate| shown::path(&certificate.file))),
        about: "The certificate that the client shows, in PEM; its key is the secret",
        otherwise: "none",
        example: r#""/etc/billing/client.pem""#,
    },
    key! {
        dpop: Flag, Proof, Variable::Sets,
        field: field!(dpop, reading::flag, writing::flag),
        shown: Shown::Value(|_, profile| (profile.token_binding == TokenBinding::Dpop).then(|| "true".to_owned())),
        about: "Whether tokens need a proof at each use (RFC 9449)",
        otherwise: "`false`",
        example: "false",
    },
    key! {
        token_type: Word, Token, Variable::Sets,
        field: one_of!(token_type, TokenType),
        shown: Shown::Value(|_, profile| profile.token_type.map(|of| of.name().to_owned())),
        about: "What the issuer's tokens are, if it calls them `BearerToken` or the like",
        otherwise: "what the issuer calls them",
        example: r#""bearer""#,
    },
    key! {
        repeats: Word, Token, Variable::Sets,
        field: one_of!(repeats, Repeats),
        shown: Shown::Value(|_, profile| Some(name_in(&Repeats::ALL, profile.repeats).to_owned())),
        about: "Whether a request that failed is sent again: `bounded` is a few times, `never` is for issuers whose new token ends the old one",
        otherwise: "that of `provider`, else `bounded`",
        example: r#""bounded""#,
    },
    key! {
        default_lifetime: Duration, Token, Variable::Sets,
        field: field!(default_lifetime, reading::duration, writing::seconds),
        shown: Shown::Value(|_, profile| Some(duration::write(profile.default_lifetime))),
        about: "The lifetime of a token if the issuer names none",
        otherwise: "that of `provider`, else `5m`",
        example: r#""5m""#,
    },
    key! {
        min_ttl: Duration, Token, Variable::Sets,
        field: field!(min_ttl, reading::duration, writing::seconds),
        shown: Shown::Value(|_, profile| Some(duration::write(profile.min_ttl))),
        about: "How long a cached token must still be valid, if `--min-ttl` is not given",
        otherwise: "`0s`",
        example: r#""0s""#,
    },
    key! {
        ca_file: Path, Place, Variable::Sets,
        field: field!(ca_file, reading::path, writing::path),
        shown: Shown::Value(|_, profile| profile.ca_file.as_deref().map(shown::path)),
        about: "Certificate authorities in PEM, instead of the system's",
        otherwise: "the system's",
        example: r#""/etc/billing/ca.pem""#,
    },
    key! {
        probe_url: Url, Endpoints, Variable::Sets,
        field: field!(probe_url, reading::url, writing::url),
        shown: Shown::Value(|_, profile| shown::url(&profile.probe_url)),
        about: "The resource that `token validate` shows the token to",
        otherwise: "that of `provider`",
        example: r#""https://api.example.com/me""#,
    },
    key! {
        introspection_url: Url, Endpoints, Variable::Sets,
        field: field!(introspection_url, reading::url, writing::url),
        shown: Shown::Value(|_, profile| shown::url(&profile.introspection_url)),
        about: "The introspection endpoint, which `token validate` asks (RFC 7662)",
        otherwise: "that of `provider`",
        example: r#""https://id.example.com/introspect""#,
    },
    key! {
        revocation_url: Url, Endpoints, Variable::Sets,
        field: field!(revocation_url, reading::url, writing::url),
        shown: Shown::Value(|_, profile| shown::url(&profile.revocation_url)),
        about: "The revocation endpoint of `token revoke` (RFC 7009)",
        otherwise: "that of `provider`",
        example: r#""https://id.example.com/revoke""#,
    },
    key! {
        jwks_url: Url, Endpoints, Variable::Sets,
        field: field!(jwks_url, reading::url, writing::url),
        shown: Shown::Value(|_, profile| shown::url(&profile.jwks_url)),
        about: "The keys of the issuer, for `token validate --as-resource-server`",
        otherwise: "that of `provider`",
        example: r#""https://id.example.com/keys""#,
    },
    key! {
        hosts: Hosts, Endpoints, Variable::Sets,
        field: field!(hosts, reading::hosts, writing::host_entries),
        shown: Shown::Value(|file, _| file.hosts.as_ref().and_then(shown::host_entries)),
        about: "The hosts that helpers may hand the token to: `*.` before a host stands for its subdomains, and a host that takes passwords only gets the token as one",
        otherwise: "none",
        example: r#"["api.example.com", { host = "git.example.com", as = "basic", username = "x-access-token" }]"#,
    },
    key! {
        secret: Secret, Place,
        Variable::Refused("a secret does not stand in a variable, which other processes can read"),
        field: field!(secret, |source: &Source<'_>, key| reading::reference(source.table, key), writing::reference),
        shown: Shown::Apart,
        about: "The place that the secret is read from at each fetch",
        otherwise: "the secret is stored, and `[binding]` belongs to it",
        example: r#"{ file = "/etc/billing/secret" }"#,
    },
    key! {
        fleet_epoch: Text, Place, Variable::Ignored,
        field: field!(fleet_epoch, |source, key| reading::checked(source, key, short), writing::text),
        shown: Shown::Value(|_, profile| profile.fleet_epoch.clone()),
        about: "A text in place of the secret, for a fleet whose hosts have keys of their own",
        otherwise: "none",
        example: r#""2026-11""#,
    },
    key! {
        binding: Own, Place, Variable::Ignored,
        field: access! {
            read: |source, file| {
                file.binding = source.binding.clone();
                let table = source.table.table("binding")?;
                file.set_at = table.map(|table| binding_table::set_at(&table)).transpose()?.flatten();
                Ok(())
            },
            write: |file| {
                file.binding.as_ref().map(|binding| toml_edit::Item::Table(binding_table::write(binding, file)))
            },
            differs: |one, other| one.binding != other.binding,
            // It is made for one secret.
            take_missing: |_, _| {},
            words: Vec::new,
        },
        shown: Shown::Apart,
        about: "What a stored secret was set for. Only tokenkeep writes it",
        otherwise: "no secret is stored",
        example: "",
    },
];

fn known_provider(name: &str) -> Result<(), String> {
    match preset::find(name) {
        Some(_) => Ok(()),
        None => Err(format!("must be one of {}", preset::names().join(", "))),
    }
}

fn not_empty(text: &str) -> Result<(), String> {
    if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
}

/// An issuer identifier is a text of the issuer's own, but never a template.
fn no_gap(issuer: &str) -> Result<(), String> {
    gap(issuer).map_or(Ok(()), |gap| Err(EndpointError::Gap(gap).to_string()))
}

fn short(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 256 { Err("must have 1 to 256 bytes".to_owned()) } else { Ok(()) }
}
