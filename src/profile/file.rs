//! The file of a profile: what people and `credentials set` write, read into a [`Profile`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use toml_edit::{Array, DocumentMut, Formatted, InlineTable, Item, Table as EditTable, Value};

use super::{
    AuthMethod, BasicEncoding, Binding, DEFAULT_LIFETIME, Endpoint, EndpointError, Generation, Profile, ProfileName,
    Reference, Request, SecretSource, preset,
};
use crate::document::{DocumentError, Parsed, Table};
use crate::duration;
use crate::hex;

/// What a profile's file says, each key that it says: a field is the key of the same name,
/// explained at [`Profile`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProfileFile {
    pub provider: Option<String>,
    pub client_id: Option<String>,
    pub token_url: Option<Endpoint>,
    pub issuer: Option<String>,
    pub auth: Option<AuthMethod>,
    pub basic_encoding: Option<BasicEncoding>,
    pub request: Request,
    pub default_lifetime: Option<Duration>,
    pub min_ttl: Option<Duration>,
    pub ca_file: Option<PathBuf>,
    pub probe_url: Option<Endpoint>,
    pub introspection_url: Option<Endpoint>,
    pub revocation_url: Option<Endpoint>,
    pub secret: Option<Reference>,
    pub binding: Option<Binding>,
    /// When the stored secret was set.
    pub set_at: Option<DateTime<Utc>>,
}

/// Why a profile cannot be used. Quotes keys, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The file is not as it should be.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A URL would give the secret away.
    #[error("`{key}` {why}")]
    InsecureEndpoint {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: EndpointError,
    },
    /// A key without which there is no profile.
    #[error("has no `{0}`")]
    Missing(&'static str),
    /// The file names another place than the one its stored secret was set for.
    #[error("`{0}` differs from what the secret was set for")]
    BindingDiffers(&'static str),
}

const KEYS: [&str; 21] = [
    "provider",
    "client_id",
    "token_url",
    "issuer",
    "auth",
    "scopes",
    "audience",
    "resources",
    "params",
    "basic_encoding",
    "assertion_audience",
    "assertion_typ",
    "default_lifetime",
    "min_ttl",
    "ca_file",
    "probe_url",
    "introspection_url",
    "revocation_url",
    "jwks_url",
    "secret",
    "binding",
];

/// Keys of the contract that belong to authentication methods which this version does not have.
const LATER: [&str; 3] = ["assertion_audience", "assertion_typ", "jwks_url"];

impl ProfileFile {
    /// Parses a profile's file.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<ProfileFile, ProfileError> {
        let parsed = Parsed::new(bytes)?;
        let table = parsed.root();
        table.only(&KEYS)?;
        if let Some(key) = LATER.into_iter().find(|key| table.keys().any(|present| present == *key)) {
            return Err(table.invalid(key, "needs an authentication method that this version does not have").into());
        }
        let file = ProfileFile {
            provider: provider(&table)?,
            client_id: client_id(&table)?,
            token_url: secure_endpoint(&table, "token_url")?,
            issuer: owned(table.text("issuer")?),
            auth: auth(&table)?,
            basic_encoding: choice(&table, "basic_encoding", &BasicEncoding::ALL)?,
            request: request(&table)?,
            default_lifetime: table.duration("default_lifetime")?,
            min_ttl: table.duration("min_ttl")?,
            ca_file: path(&table, "ca_file")?,
            probe_url: secure_endpoint(&table, "probe_url")?,
            introspection_url: secure_endpoint(&table, "introspection_url")?,
            revocation_url: secure_endpoint(&table, "revocation_url")?,
            secret: reference(&table)?,
            binding: table.table("binding")?.map(|table| binding(&table)).transpose()?,
            set_at: table.table("binding")?.and_then(|table| set_at(&table).transpose()).transpose()?,
        };
        if file.secret.is_some() && file.binding.is_some() {
            return Err(table
                .invalid("secret", "cannot stand beside [binding]: the secret is stored or referenced")
                .into());
        }
        Ok(file)
    }

    /// Makes the profile: what the file does not say comes from its binding, then from the
    /// provider's preset. A binding pins what the preset said when the secret was set.
    pub(crate) fn resolve(&self, name: &ProfileName) -> Result<Profile, ProfileError> {
        let preset = match (&self.binding, &self.provider) {
            (None, Some(provider)) => preset::find(provider),
            _ => None,
        };
        let pinned = self.binding.as_ref();
        let url = |own: &Option<Endpoint>, bound: fn(&Binding) -> Option<Endpoint>| {
            own.clone().or_else(|| pinned.and_then(bound))
        };
        let preset_url = |take: fn(&preset::Preset) -> &Option<Endpoint>| preset.as_ref().and_then(|p| take(p).clone());
        let profile = Profile {
            name: name.clone(),
            client_id: self
                .client_id
                .clone()
                .or_else(|| pinned.map(|binding| binding.client_id.clone()))
                .ok_or(ProfileError::Missing("client_id"))?,
            token_url: url(&self.token_url, |binding| Some(binding.token_url.clone()))
                .or_else(|| preset_url(|preset| &preset.token_url))
                .ok_or(ProfileError::Missing("token_url"))?,
            issuer: self.issuer.clone().or_else(|| pinned.and_then(|binding| binding.issuer.clone())),
            auth: self
                .auth
                .or_else(|| pinned.map(|binding| binding.auth))
                .or_else(|| preset.as_ref().and_then(|preset| preset.auth))
                .unwrap_or(AuthMethod::ClientSecretBasic),
            basic_encoding: self.basic_encoding.unwrap_or(BasicEncoding::Form),
            request: self.request.clone(),
            default_lifetime: self.default_lifetime.unwrap_or(DEFAULT_LIFETIME),
            min_ttl: self.min_ttl.unwrap_or_default(),
            ca_file: self.ca_file.clone(),
            probe_url: url(&self.probe_url, |binding| binding.probe_url.clone())
                .or_else(|| preset_url(|preset| &preset.probe_url)),
            introspection_url: url(&self.introspection_url, |binding| binding.introspection_url.clone()),
            revocation_url: url(&self.revocation_url, |binding| binding.revocation_url.clone()),
            secret: match (&self.binding, &self.secret) {
                (Some(binding), _) => SecretSource::Stored(Box::new(binding.clone())),
                (None, Some(reference)) => SecretSource::Reference(reference.clone()),
                (None, None) => SecretSource::Absent,
            },
        };
        match pinned.and_then(|binding| binding.differs_in(&profile.binding(binding.generation, binding.ca_digest))) {
            Some(key) => Err(ProfileError::BindingDiffers(key)),
            None => Ok(profile),
        }
    }

    /// Writes the file: keys that did not change keep their place, form and comments.
    ///
    /// # Errors
    /// When `present` is not a profile.
    pub(crate) fn render(&self, present: Option<Vec<u8>>) -> Result<String, ProfileError> {
        let (old, mut document) = match present {
            None => (ProfileFile::default(), DocumentMut::new()),
            Some(bytes) => {
                let text = String::from_utf8(bytes.clone()).map_err(|_| DocumentError::NotText)?;
                let document = text.parse().map_err(|_| DocumentError::Syntax { line: 1 })?;
                (ProfileFile::parse(bytes)?, document)
            }
        };
        let table = document.as_table_mut();
        let text = |text: &String| Value::from(text.as_str());
        let url = |url: &Endpoint| Value::from(url.as_str());
        let seconds = |duration: &Duration| Value::from(duration::write(*duration));
        let file = |path: &PathBuf| Value::from(path.to_string_lossy().as_ref());
        set(table, "provider", &old.provider, &self.provider, text);
        set(table, "client_id", &old.client_id, &self.client_id, text);
        set(table, "token_url", &old.token_url, &self.token_url, url);
        set(table, "issuer", &old.issuer, &self.issuer, text);
        set(table, "auth", &old.auth, &self.auth, |auth| auth.name().into());
        set(table, "scopes", &list(old.request.scopes()), &list(self.request.scopes()), array);
        set(table, "audience", &owned(old.request.audience()), &owned(self.request.audience()), text);
        set(table, "resources", &list(old.request.resources()), &list(self.request.resources()), array);
        set(table, "params", &pairs(&old.request), &pairs(&self.request), |params| {
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<InlineTable>().into()
        });
        set(table, "basic_encoding", &old.basic_encoding, &self.basic_encoding, |encoding| encoding.name().into());
        set(table, "default_lifetime", &old.default_lifetime, &self.default_lifetime, seconds);
        set(table, "min_ttl", &old.min_ttl, &self.min_ttl, seconds);
        set(table, "ca_file", &old.ca_file, &self.ca_file, file);
        set(table, "probe_url", &old.probe_url, &self.probe_url, url);
        set(table, "introspection_url", &old.introspection_url, &self.introspection_url, url);
        set(table, "revocation_url", &old.revocation_url, &self.revocation_url, url);
        set(table, "secret", &old.secret, &self.secret, |reference| {
            let (kind, value) = match reference {
                Reference::File(path) => ("file", Value::from(path.to_string_lossy().as_ref())),
                Reference::Env(name) => ("env", Value::from(name.as_str())),
                Reference::Command(words) => ("command", array(words)),
            };
            InlineTable::from_iter([(kind, value)]).into()
        });
        if old.binding != self.binding {
            match &self.binding {
                None => drop(table.remove("binding")),
                Some(binding) => drop(table.insert("binding", Item::Table(binding_table(binding, self.set_at)))),
            }
        }
        Ok(document.to_string())
    }
}

fn set<T: PartialEq>(
    table: &mut EditTable,
    key: &str,
    old: &Option<T>,
    new: &Option<T>,
    value: impl FnOnce(&T) -> Value,
) {
    match new {
        _ if old == new => {}
        None => drop(table.remove(key)),
        Some(new) => match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(present) => {
                let decor = present.decor().clone();
                *present = value(new);
                *present.decor_mut() = decor;
            }
            None => drop(table.insert(key, Item::Value(value(new)))),
        },
    }
}

fn list<'a>(items: impl ExactSizeIterator<Item = &'a str>) -> Option<Vec<String>> {
    (items.len() > 0).then(|| items.map(str::to_owned).collect())
}

fn pairs(request: &Request) -> Option<Vec<(String, String)>> {
    let params = request.params();
    (params.len() > 0).then(|| params.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[expect(clippy::ptr_arg, reason = "`set` hands over what an option holds")]
fn array(items: &Vec<String>) -> Value {
    Value::Array(items.iter().map(|item| Value::String(Formatted::new(item.clone()))).collect::<Array>())
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// Reads a key whose value is a URL, for files of our own.
pub(super) fn endpoint(table: &Table<'_>, key: &str) -> Result<Option<Endpoint>, DocumentError> {
    let parse = |text| Endpoint::parse(text).map_err(|why| table.invalid(key, why.to_string()));
    table.text(key)?.map(parse).transpose()
}

fn secure_endpoint(table: &Table<'_>, key: &str) -> Result<Option<Endpoint>, ProfileError> {
    match table.text(key)?.map(Endpoint::parse) {
        Some(Err(why)) if why.is_insecure() => Err(ProfileError::InsecureEndpoint { key: key.to_owned(), why }),
        Some(Err(why)) => Err(table.invalid(key, why.to_string()).into()),
        Some(Ok(endpoint)) => Ok(Some(endpoint)),
        None => Ok(None),
    }
}

pub(super) fn auth(table: &Table<'_>) -> Result<Option<AuthMethod>, DocumentError> {
    choice(table, "auth", &AuthMethod::ALL)
}

fn choice<T: Copy>(table: &Table<'_>, key: &str, all: &[(T, &str)]) -> Result<Option<T>, DocumentError> {
    let Some(text) = table.text(key)? else { return Ok(None) };
    match all.iter().find(|(_, name)| *name == text) {
        Some((value, _)) => Ok(Some(*value)),
        None => {
            let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
            Err(table.invalid(key, format!("must be one of {}", names.join(", "))))
        }
    }
}

fn provider(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    match table.text("provider")? {
        Some(provider) if preset::find(provider).is_none() => {
            Err(table.invalid("provider", format!("must be one of {}", preset::names().join(", "))))
        }
        provider => Ok(owned(provider)),
    }
}

fn client_id(table: &Table<'_>) -> Result<Option<String>, DocumentError> {
    match table.text("client_id")? {
        Some("") => Err(table.invalid("client_id", "must not be empty")),
        client_id => Ok(owned(client_id)),
    }
}

fn path(table: &Table<'_>, key: &str) -> Result<Option<PathBuf>, DocumentError> {
    match table.text(key)?.map(Path::new) {
        Some(path) if !path.is_absolute() => Err(table.invalid(key, "must be an absolute path")),
        path => Ok(path.map(Path::to_owned)),
    }
}

fn request(table: &Table<'_>) -> Result<Request, DocumentError> {
    let mut request = Request::default();
    if let Some(scopes) = table.texts("scopes")? {
        request = request.with_scopes(scopes).map_err(|why| table.invalid("scopes", why.to_string()))?;
    }
    if let Some(audience) = table.text("audience")? {
        request = request.with_audience(audience).map_err(|why| table.invalid("audience", why.to_string()))?;
    }
    if let Some(resources) = table.texts("resources")? {
        request = request.with_resources(resources).map_err(|why| table.invalid("resources", why.to_string()))?;
    }
    if let Some(params) = table.pairs("params")? {
        request = request.with_params(params).map_err(|why| table.invalid("params", why.to_string()))?;
    }
    Ok(request)
}

fn reference(table: &Table<'_>) -> Result<Option<Reference>, DocumentError> {
    let Some(secret) = table.table("secret")? else { return Ok(None) };
    secret.only(&["file", "command", "env"])?;
    match (path(&secret, "file")?, secret.texts("command")?, secret.text("env")?) {
        (Some(path), None, None) => Ok(Some(Reference::File(path))),
        (None, None, Some(name)) if !name.is_empty() && !name.contains(['=', '\0']) => {
            Ok(Some(Reference::Env(name.to_owned())))
        }
        (None, Some(words), None) => {
            let words = words.into_iter().map(str::to_owned).collect();
            Reference::command(words).map(Some).map_err(|why| secret.invalid("command", why))
        }
        _ => Err(table.invalid("secret", "must be one of {file = PATH}, {env = NAME}, {command = [PROGRAM, ...]}")),
    }
}

fn binding(table: &Table<'_>) -> Result<Binding, ProfileError> {
    table.only(&[
        "generation",
        "token_url",
        "issuer",
        "client_id",
        "auth",
        "introspection_url",
        "revocation_url",
        "probe_url",
        "ca_digest",
        "set_at",
    ])?;
    let why = "is missing or damaged; take the [binding] table out and run tokenkeep credentials set again";
    let damaged = |key: &str| table.invalid(key, why);
    Ok(Binding {
        generation: table.text("generation")?.and_then(Generation::parse).ok_or_else(|| damaged("generation"))?,
        token_url: secure_endpoint(table, "token_url")?.ok_or_else(|| damaged("token_url"))?,
        issuer: owned(table.text("issuer")?),
        client_id: client_id(table)?.ok_or_else(|| damaged("client_id"))?,
        auth: auth(table)?.ok_or_else(|| damaged("auth"))?,
        introspection_url: secure_endpoint(table, "introspection_url")?,
        revocation_url: secure_endpoint(table, "revocation_url")?,
        probe_url: secure_endpoint(table, "probe_url")?,
        assertion_audience: None,
        ca_digest: match table.text("ca_digest")? {
            None => None,
            Some(text) => Some(hex::decode(text).ok_or_else(|| damaged("ca_digest"))?),
        },
    })
}

fn set_at(table: &Table<'_>) -> Result<Option<DateTime<Utc>>, DocumentError> {
    let parse = |text| DateTime::parse_from_rfc3339(text).map_err(|_| table.invalid("set_at", "must be a time"));
    Ok(table.text("set_at")?.map(parse).transpose()?.map(|time| time.to_utc()))
}

fn binding_table(binding: &Binding, set_at: Option<DateTime<Utc>>) -> EditTable {
    let mut table = EditTable::new();
    table.decor_mut().set_prefix("\n# Written by tokenkeep alone: what the stored secret was set for.\n");
    let mut text = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            table.insert(key, toml_edit::value(value));
        }
    };
    text("generation", Some(&binding.generation.to_string()));
    text("token_url", Some(binding.token_url.as_str()));
    text("issuer", binding.issuer.as_deref());
    text("client_id", Some(&binding.client_id));
    text("auth", Some(binding.auth.name()));
    text("introspection_url", binding.introspection_url.as_ref().map(Endpoint::as_str));
    text("revocation_url", binding.revocation_url.as_ref().map(Endpoint::as_str));
    text("probe_url", binding.probe_url.as_ref().map(Endpoint::as_str));
    let digest = binding.ca_digest.map(|digest| hex::encode(&digest));
    text("ca_digest", digest.as_deref());
    let set_at = set_at.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    text("set_at", set_at.as_deref());
    table
}

#[cfg(test)]
mod tests {
    use super::super::binding::tests::sample;
    use super::*;

    fn name() -> ProfileName {
        ProfileName::parse("billing").expect("a name")
    }

    fn parse(text: &str) -> Result<ProfileFile, ProfileError> {
        ProfileFile::parse(text.as_bytes().to_vec())
    }

    #[test]
    fn spotify_needs_only_a_client_id() {
        let profile =
            parse("provider = 'spotify'\nclient_id = 'x'").and_then(|file| file.resolve(&name())).expect("a profile");
        assert_eq!(profile.token_url.as_str(), "https://accounts.spotify.com/api/token");
    }

    #[test]
    fn what_is_rendered_is_read_back() {
        let mut file =
            parse("client_id = 'x'\ntoken_url = 'https://a.example/t'\nscopes = ['b', 'a']\nparams = { p = '1' }")
                .expect("a profile");
        file.binding = Some(sample());
        file.min_ttl = Some(Duration::from_secs(90));
        file.set_at = DateTime::from_timestamp(1_800_000_000, 0);
        let text = file.render(None).expect("rendered");
        assert_eq!(parse(&text), Ok(file));
    }

    #[test]
    fn comments_and_order_are_kept() {
        let present = "# mine\nclient_id = 'x' # the app\nscopes = [ 'a',\n  'b' ]\n";
        let mut file = parse(present).expect("a profile");
        file.client_id = Some("y".to_owned());
        let text = file.render(Some(present.as_bytes().to_vec())).expect("rendered");
        assert_eq!(text, "# mine\nclient_id = \"y\" # the app\nscopes = [ 'a',\n  'b' ]\n");
    }

    #[test]
    fn a_file_that_names_another_place_than_its_binding_is_refused() {
        let mut file = ProfileFile { binding: Some(sample()), ..ProfileFile::default() };
        assert!(file.resolve(&name()).is_ok());
        file.token_url = Endpoint::parse("https://evil.example/token").ok();
        assert_eq!(file.resolve(&name()), Err(ProfileError::BindingDiffers("token_url")));
    }

    #[test]
    fn a_preset_that_changes_later_does_not_move_a_bound_profile() {
        let file =
            ProfileFile { binding: Some(sample()), provider: Some("spotify".to_owned()), ..ProfileFile::default() };
        assert_eq!(file.resolve(&name()).expect("a profile").token_url, sample().token_url);
    }

    #[test]
    fn an_error_names_the_key_and_quotes_no_value() {
        for text in [
            "token_url = 'http://hunter2.example/'",
            "token_url = 'hunter2'",
            "auth = 'hunter2'",
            "provider = 'hunter2'",
            "scopes = ['hunter2\\u0000']",
            "min_ttl = 'hunter2'",
            "ca_file = 'hunter2'",
            "secret = { file = 'hunter2' }",
            "secret = 'hunter2'",
            "params = { scope = 'hunter2' }",
            "[binding]\ngeneration = 'hunter2'",
        ] {
            let error = parse(text).expect_err("refused");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_secret_is_stored_or_referenced_never_both() {
        let file = ProfileFile { binding: Some(sample()), ..ProfileFile::default() };
        let text = format!("secret = {{ env = 'X' }}\n{}", file.render(None).expect("rendered"));
        assert!(parse(&text).is_err());
    }
}
