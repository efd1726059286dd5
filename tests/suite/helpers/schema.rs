//! Checks an answer against a schema of tests/schemas: the keywords that those have, and no other.

use std::path::Path;

use serde_json::Value;

/// Panics if a value is not what the schema of a name describes.
pub(super) fn assert_valid(value: &Value, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas").join(name);
    let schema = std::fs::read_to_string(path).expect("the schema is there");
    let schema: Value = serde_json::from_str(&schema).expect("a schema is JSON");
    if let Some(fault) = fault(value, &schema, "the answer") {
        panic!("{name}: {fault}");
    }
}

/// Describes the first fault; quotes no value.
fn fault(value: &Value, schema: &Value, place: &str) -> Option<String> {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let is_kept = match keyword.as_str() {
            "title" | "properties" | "items" => true,
            "type" => types(rule).contains(&type_of(value)),
            "enum" => rule.as_array().expect("a list").contains(value),
            "format" => has_format(value.as_str().unwrap_or_default(), rule.as_str().expect("a name")),
            "required" => rule
                .as_array()
                .expect("a list")
                .iter()
                .all(|key| !value[key.as_str().expect("a key")].is_null() || has(value, key)),
            "additionalProperties" => true,
            other => panic!("no such keyword is checked: {other}"),
        };
        if !is_kept {
            return Some(format!("{place} breaks {keyword}: {rule}"));
        }
    }
    let members = value.as_object().into_iter().flatten();
    let items = value.as_array().into_iter().flatten().map(|item| fault(item, &schema["items"], &format!("{place}[]")));
    let members = members.map(|(key, member)| {
        let place = format!("{place}.{key}");
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) => fault(member, schema, &place),
            (None, Value::Bool(false)) => Some(format!("{place} is one too many")),
            (None, schema @ Value::Object(_)) => fault(member, schema, &place),
            (None, _) => None,
        }
    });
    members.chain(items).flatten().next()
}

fn has(value: &Value, key: &Value) -> bool {
    value.get(key.as_str().expect("a key")).is_some()
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn has_format(text: &str, format: &str) -> bool {
    match format {
        // As tokenkeep writes it: 2026-11-28T12:00:00Z.
        "date-time" => {
            let shape: String = text.chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
            shape == "0000-00-00T00:00:00Z"
        }
        "go-duration" => {
            let numbers: Vec<&str> = text.split_terminator(['h', 'm', 's']).collect();
            let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.ends_with('s') && (1..=3).contains(&numbers.len()) && numbers.iter().all(is_number)
        }
        other => panic!("no such format is checked: {other}"),
    }
}

#[test]
fn what_breaks_a_schema_is_noticed() {
    let of = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let schema = of(
        r#"{"type": "object", "properties": {"a": {"type": ["array", "null"], "items": {"type": "string"}},
        "at": {"format": "date-time"}, "for": {"format": "go-duration"}}, "required": ["a"], "additionalProperties": false}"#,
    );
    for text in [r#"{"a": null}"#, r#"{"a": ["x"], "at": "2026-11-28T12:00:00Z", "for": "1h0m5s"}"#] {
        assert_eq!(fault(&of(text), &schema, "it"), None, "{text}");
    }
    for text in [
        "[]",
        "{}",
        r#"{"a": 1}"#,
        r#"{"a": [1]}"#,
        r#"{"a": null, "b": 1}"#,
        r#"{"a": null, "at": "tomorrow"}"#,
        r#"{"a": null, "for": "5"}"#,
        r#"{"a": null, "for": "21.6µs"}"#,
    ] {
        assert!(fault(&of(text), &schema, "it").is_some(), "{text}");
    }
}
