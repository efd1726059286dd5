//! The keys of `config.toml`: their names, and what documents and editors learn of them.

#[cfg(test)]
use crate::encoding::kind::Kind;

/// The tables of the file.
pub(super) const SECTIONS: [&str; 3] = ["secrets", "http", "fleet"];

/// A key of `config.toml`.
struct Key {
    /// The table that it stands in; empty for none.
    section: &'static str,
    name: &'static str,
    #[cfg(test)]
    page: Page,
}

/// What documents and the schema say of a key.
#[cfg(test)]
struct Page {
    kind: Kind,
    about: &'static str,
    /// What holds if the key is missing.
    otherwise: &'static str,
}

/// Makes the row of a key.
macro_rules! key {
    ($section:literal, $name:literal, $kind:ident, $about:literal, $otherwise:literal) => {
        Key {
            section: $section,
            name: $name,
            #[cfg(test)]
            page: Page { kind: Kind::$kind, about: $about, otherwise: $otherwise },
        }
    };
}

#[rustfmt::skip]
static KEYS: [Key; 18] = [
    key!("", "default_profile", Text, "The profile of a command that names none", "the only profile"),
    key!("secrets", "backend", Word, "Where secrets are kept, instead of `tokenkeep init`", "what `init` chose"),
    key!("secrets", "key_file", Path, "The key file of backend `file`", "`key` beside config.toml"),
    key!("secrets", "key_credential", Text, "The systemd credential that holds the key, instead of a key file", "none"),
    key!("secrets", "keep_unlocked", Duration, "How long the kernel keeps the data key; `off`: not at all", "[secrets.md](secrets.md)"),
    key!("secrets", "timeout", Duration, "How long a call of the OS keyring may take", "`5s`"),
    key!("secrets", "command_timeout", Duration, "How long a program may take that prints a secret", "`10s`, or `60s` with the terminal"),
    key!("secrets", "required", Flag, "Whether a token that cannot be kept is exit 8, and not a warning", "`false`"),
    key!("http", "connect_timeout", Duration, "How long it may take to connect", "`5s`"),
    key!("http", "timeout", Duration, "How long a token may take as a whole, repeats included", "`30s`"),
    key!("fleet", "url", Url, "The address of the store: [fleet.md](fleet.md#set-up)", "it is needed"),
    key!("fleet", "namespace", Text, "Keeps fleets apart that use one store and one key", "`default`"),
    key!("fleet", "key_file", Path, "The file that the fleet key comes from", "the key that was imported or derived"),
    key!("fleet", "required", Flag, "Whether there is no token without the store (exit 13)", "`false`"),
    key!("fleet", "budget", Duration, "How long the store may delay a caller, a minute at most; milliseconds (`250ms`) are accepted", "`250ms`"),
    key!("fleet", "ca_file", Path, "Certificate authorities for the store, in PEM", "the system's"),
    key!("fleet", "user", Text, "The user name at the store", "none"),
    key!("fleet", "password", Place, "The place of the password", "the one that `fleet login set` keeps"),
];

/// Lists the keys of a table.
pub(super) fn names_in(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| key.section == section).map(|key| key.name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::config::{BackendName, Config};
    use crate::encoding::document;

    fn backends() -> [&'static str; BackendName::ALL.len()] {
        BackendName::ALL.map(|(_, name)| name)
    }

    /// Makes the JSON Schema of `config.toml`.
    fn schema() -> Value {
        let table = |section: &str| {
            let properties = KEYS.iter().filter(|key| key.section == section).map(|key| {
                let mut schema = match key.name {
                    // Its URLs hold several hosts, which no checker of URLs takes.
                    "url" => Kind::Text.schema(&[]),
                    _ => key.page.kind.schema(&backends()),
                };
                schema["description"] = json!(key.page.about);
                (key.name.to_owned(), schema)
            });
            json!({"type": "object", "properties": properties.collect::<Map<_, _>>(), "additionalProperties": false})
        };
        let mut schema = table("");
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!("config.toml of tokenkeep");
        for section in SECTIONS {
            schema["properties"][section] = table(section);
        }
        schema["properties"]["fleet"]["required"] = json!(["url"]);
        schema
    }

    fn table() -> String {
        let rows = KEYS.iter().map(|key| {
            let Page { kind, about, otherwise } = &key.page;
            let name =
                if key.section.is_empty() { key.name.to_owned() } else { format!("{}.{}", key.section, key.name) };
            format!("| `{name}` | {} | {about} | {otherwise} |\n", kind.described(&backends()))
        });
        format!("| key | value | meaning | if it is missing |\n|---|---|---|---|\n{}", rows.collect::<String>())
    }

    #[test]
    fn the_page_of_configuration_has_every_key_of_config_toml() {
        document::assert_has("configuration.md", &[("config keys", table())]);
    }

    #[test]
    fn the_page_of_the_config_schema_has_every_key() {
        document::assert_is("config.schema.json", &format!("{:#}\n", schema()));
    }

    #[test]
    fn what_the_document_claims_of_a_missing_key_is_so() {
        for key in &KEYS {
            let otherwise = key.page.otherwise.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            let Some(value) = otherwise.filter(|value| !value.contains('`')) else { continue };
            let value = if key.page.kind == Kind::Flag { value.to_owned() } else { format!("'{value}'") };
            let without =
                format!("[{}]\n{}", key.section, if key.section == "fleet" { "url = 'redis://x'\n" } else { "" });
            let with = format!("{without}{} = {value}\n", key.name);
            let parse = |text: String| Config::parse(text.into_bytes()).expect("valid");
            assert_eq!(parse(with), parse(without), "{}.{}", key.section, key.name);
        }
    }
}
