//! What documents and editors learn of the keys of a profile.

use serde_json::{Map, Value, json};

use super::key::{Key, Topic};
use super::keys::KEYS;
use super::{ProfileFile, ProfileName, Variable, binding_table};
use crate::encoding::document;
use crate::encoding::kind::Kind;

const TOPICS: [(Topic, &str); 6] = [
    (Topic::Client, "The client and its issuer"),
    (Topic::Request, "What is requested"),
    (Topic::Proof, "How the client proves itself"),
    (Topic::Token, "Tokens"),
    (Topic::Endpoints, "Further endpoints"),
    (Topic::Place, "The host"),
];

/// Makes the JSON Schema of a profile's file.
fn schema() -> Value {
    let property = |key: &Key| {
        let mut schema = key.kind.schema(&(key.field.words)());
        schema["description"] = json!(key.page.about);
        (key.name.to_owned(), schema)
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A profile of tokenkeep",
        "type": "object",
        "properties": KEYS.iter().map(property).collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// Makes the tables of the keys, one for each topic.
fn tables() -> String {
    let mut text = String::new();
    for (topic, title) in TOPICS {
        text.push_str(&format!("### {title}\n\n| key | value | meaning | if it is missing |\n|---|---|---|---|\n"));
        for key in KEYS.iter().filter(|key| key.topic == topic) {
            let kind = key.kind.described(&(key.field.words)());
            text.push_str(&format!("| `{}` | {kind} | {} | {} |\n", key.name, key.page.about, key.page.otherwise));
        }
        text.push('\n');
    }
    text
}

fn names(is_listed: impl Fn(&Key) -> bool) -> String {
    let names: Vec<_> = KEYS.iter().filter(|key| is_listed(key)).map(|key| format!("`{}`", key.name)).collect();
    names.join(", ")
}

fn variables() -> String {
    let sets = |key: &Key| matches!(key.variable, Variable::Names | Variable::Sets);
    let names: Vec<_> = KEYS.iter().filter(|key| sets(key)).map(|key| key.name.to_ascii_uppercase()).collect();
    names.iter().map(|name| format!("`TOKENKEEP_{name}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_of_configuration_has_every_key_of_a_profile() {
    let bound = format!("A stored secret is bound to {}.", names(|key| binding_table::pins(key.name)));
    let parts = [("profile keys", tables()), ("bound keys", bound), ("variables", variables())];
    document::assert_has("configuration.md", &parts);
}

#[test]
fn the_page_of_the_profile_schema_has_every_key() {
    document::assert_is("profile.schema.json", &format!("{:#}\n", schema()));
}

/// Makes a profile that can be used, with the example of a key.
fn example(key: &Key) -> String {
    let auth = match key.name {
        "certificate_file" => "tls_client_auth",
        name if name.starts_with("assertion_") => "private_key_jwt",
        _ => "client_secret_basic",
    };
    let lines =
        [("client_id", "x"), ("token_url", "https://a.example/t"), ("issuer", "https://a.example"), ("auth", auth)];
    let others = lines.iter().filter(|(name, _)| *name != key.name);
    let others: String = others.map(|(name, value)| format!("{name} = '{value}'\n")).collect();
    format!("{others}{} = {}\n", key.name, key.page.example)
}

#[test]
fn every_key_is_read_and_written_and_merged() {
    for key in KEYS.iter().filter(|key| key.name != "binding") {
        let text = example(key);
        let file = ProfileFile::parse(text.clone().into_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!((key.field.edit.differs)(&file, &ProfileFile::default()), "{} is not read", key.name);
        let written = file.render(None).expect("rendered");
        assert!(written.contains(&format!("{} = ", key.name)), "{} is not written", key.name);
        assert_eq!(ProfileFile::parse(written.into_bytes()), Ok(file.clone()));
        let merged = ProfileFile { request: file.request.clone(), ..ProfileFile::default() }.or(file.clone());
        assert_eq!(merged, file, "{} is not merged", key.name);
    }
}

#[test]
fn every_field_of_a_file_is_a_key() {
    let all = KEYS.iter().filter(|key| !key.page.example.is_empty());
    let text: String = all.map(|key| format!("{} = {}\n", key.name, key.page.example)).collect();
    let file = ProfileFile::parse(text.into_bytes()).expect("every example at once");
    let file = ProfileFile {
        binding: Some(super::binding::tests::sample()),
        set_at: chrono::DateTime::from_timestamp(0, 0),
        kept_in: Some("/data".into()),
        ..file
    };
    // Those of the sample binding are its own.
    let shown = format!("{:?}", ProfileFile { binding: None, ..file });
    assert_eq!(shown.matches("None").count(), 1, "a field that no key sets: {shown}");
}

#[test]
fn what_a_document_claims_of_a_missing_key_is_so() {
    for key in &KEYS {
        let Some(value) = key.page.otherwise.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) else {
            continue;
        };
        let quoted = if key.kind == Kind::Flag { value.to_owned() } else { format!("'{value}'") };
        let lines = "client_id = 'x'\ntoken_url = 'https://a.example/t'\n";
        let parse = |text: String| ProfileFile::parse(text.into_bytes()).expect("a profile");
        let name = ProfileName::parse("billing").expect("a name");
        let with = parse(format!("{lines}{} = {quoted}", key.name)).resolve(&name);
        assert_eq!(with, parse(lines.to_owned()).resolve(&name), "{}", key.name);
    }
}

#[test]
fn the_nearest_known_key_comes_from_the_table() {
    for key in &KEYS {
        let error = ProfileFile::parse(format!("{}x = 1", key.name).into_bytes()).expect_err("it is unknown");
        assert!(error.to_string().ends_with(&format!("the nearest known one is `{}`", key.name)), "{error}");
    }
}

#[cfg(feature = "cli")]
#[test]
fn every_key_is_shown() {
    use super::key::Shown;

    for key in &KEYS {
        let name = match key.shown {
            Shown::Value(_) => key.name,
            Shown::As(name, _) => name,
            // The command shows the place of the secret, or what it finds there.
            Shown::Apart => {
                assert!(["secret", "binding"].contains(&key.name), "{}", key.name);
                continue;
            }
        };
        let file = ProfileFile::parse(example(key).into_bytes()).expect("an example");
        let profile = file.resolve(&ProfileName::parse("billing").expect("a name")).expect("a profile");
        let shown = file.shown(&profile);
        let value = shown.iter().find(|(shown, _)| *shown == name).and_then(|(_, value)| value.as_deref());
        assert_eq!(value.is_some(), key.name != "dpop", "{} shows {value:?}", key.name);
    }
}
