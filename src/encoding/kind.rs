//! The kinds of values in files that users write.

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A text that is a URL.
    Url,
    /// A text that is an absolute path.
    Path,
    /// A duration such as `90s`, or whole seconds.
    Duration,
    /// `true` or `false`.
    Flag,
    /// One of the words that the key takes.
    Word,
    /// A list of texts, or one text.
    Texts,
    /// A list of texts and of tables that name hosts.
    Hosts,
    /// A table of texts.
    Pairs,
    /// A table of texts, and of the places that such texts are read from.
    Headers,
    /// The place that a password is read from: a file, a variable or a program.
    #[cfg(test)]
    Place,
    /// The place that a secret is read from: a file, a variable, a program or a job of GitHub Actions.
    Secret,
    /// A table that only this program writes.
    Own,
}

#[cfg(test)]
impl Kind {
    /// Describes the values for a table of keys.
    pub(crate) fn described(self, words: &[&str]) -> String {
        match self {
            Kind::Text => "text".to_owned(),
            Kind::Url => "URL".to_owned(),
            Kind::Path => "absolute path".to_owned(),
            Kind::Duration => "duration".to_owned(),
            Kind::Flag => "`true` or `false`".to_owned(),
            Kind::Word => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Kind::Texts => "list of texts".to_owned(),
            Kind::Hosts => {
                "list of `HOST[:PORT][/PATH]` or `{ host = PATTERN, as = \"bearer\" or \"basic\", username = NAME }`"
                    .to_owned()
            }
            Kind::Pairs => "table of texts".to_owned(),
            Kind::Headers => "table of texts, `{ file = PATH }` or `{ env = NAME }`".to_owned(),
            Kind::Place => "`{ file = PATH }`, `{ env = NAME }` or `{ command = [PROGRAM, ...] }`".to_owned(),
            Kind::Secret => {
                "`{ file = PATH }`, `{ env = NAME }`, `{ command = [PROGRAM, ...] }` or `{ github_actions = AUDIENCE }`"
                    .to_owned()
            }
            Kind::Own => "table".to_owned(),
        }
    }

    /// Describes the values for a JSON Schema.
    pub(crate) fn schema(self, words: &[&str]) -> serde_json::Value {
        use serde_json::json;

        let text = json!({"type": "string"});
        let one = |name: &str, value: &serde_json::Value| json!({"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": false});
        let texts = json!({"type": ["string", "array"], "items": text});
        let places = [one("file", &text), one("env", &text), one("command", &texts)];
        match self {
            Kind::Text | Kind::Path => text,
            Kind::Url => json!({"type": "string", "format": "uri"}),
            Kind::Duration => json!({"type": ["string", "integer"], "minimum": 0}),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::Word => json!({"enum": words}),
            Kind::Texts => texts,
            Kind::Hosts => {
                let entry = json!({
                    "type": "object",
                    "properties": {"host": text, "as": {"enum": ["bearer", "basic"]}, "username": text},
                    "required": ["host"],
                    "additionalProperties": false
                });
                json!({"type": ["string", "array"], "items": {"anyOf": [text, entry]}})
            }
            Kind::Pairs => json!({"type": "object", "additionalProperties": text}),
            Kind::Headers => {
                let values = json!({"anyOf": [text, places[0], places[1]]});
                json!({"type": "object", "additionalProperties": values})
            }
            Kind::Place => json!({"anyOf": places}),
            Kind::Secret => {
                let mut job = one("github_actions", &text);
                job["properties"]["host"] = text.clone();
                json!({"anyOf": [places[0], places[1], places[2], job]})
            }
            Kind::Own => json!({"type": "object"}),
        }
    }
}
