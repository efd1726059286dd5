//! Reading TOML that people wrote: known keys, typed values, errors that never quote a value.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_edit::{Document, Item, TableLike};

use crate::encoding::duration;

/// What is wrong with a file that people wrote. Shows keys and lines, never values: a user may have put a secret
/// there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    /// It is not UTF-8 text.
    #[error("is not UTF-8 text")]
    NotText,
    /// It is not TOML.
    #[error("is not valid TOML (line {line})")]
    Syntax {
        /// The line, from 1.
        line: usize,
    },
    /// A secret stands in it.
    #[error(
        "has a secret in `{key}`, where none may stand: say where it is read, as secret = {{ file = PATH }}, or store it"
    )]
    HoldsSecret {
        /// The key.
        key: String,
    },
    /// It has a key that is not known.
    #[error("has an unknown key `{key}`; the nearest known one is `{nearest}`")]
    UnknownKey {
        /// The key as written, shortened and escaped.
        key: String,
        /// The known key that looks most like it.
        nearest: String,
    },
    /// A key that has another name since the first landing.
    #[error("`{key}` is called `{now}` now")]
    Renamed {
        /// The key as it was called.
        key: String,
        /// Its name now.
        now: String,
    },
    /// What this program wrote there for a stored secret was damaged.
    #[error("`{key}` is missing or damaged")]
    BindingDamaged {
        /// The key.
        key: String,
    },
    /// A value that cannot be used.
    #[error("`{key}` {why}")]
    Invalid {
        /// The key.
        key: String,
        /// What the value has to be.
        why: String,
    },
}

/// A parsed file.
pub(crate) struct Parsed(Document<String>);

impl Parsed {
    /// Parses a file's bytes.
    pub(crate) fn new(bytes: Vec<u8>) -> Result<Parsed, DocumentError> {
        let text = String::from_utf8(bytes).map_err(|_| DocumentError::NotText)?;
        let lines =
            |at: usize, text: &str| text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1;
        match Document::parse(text.clone()) {
            Ok(document) => Ok(Parsed(document)),
            Err(error) => Err(DocumentError::Syntax { line: lines(error.span().map_or(0, |span| span.start), &text) }),
        }
    }

    /// Returns the line, from 1, on which a key stands; a key in a table is named as in errors, `table.key`. The nearest
    /// table that is there if the key itself is not.
    #[cfg(feature = "cli")]
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        let (mut table, mut at): (&dyn TableLike, _) = (self.0.as_table(), None);
        for part in key.split('.') {
            let Some((name, item)) = table.get_key_value(part) else { break };
            at = name.span().or_else(|| item.span()).or(at);
            let Some(inner) = item.as_table_like() else { break };
            table = inner;
        }
        let before = &self.0.raw().as_bytes()[..at?.start.min(self.0.raw().len())];
        Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    /// Returns the outermost table.
    pub(crate) fn root(&self) -> Table<'_> {
        Table { table: self.0.as_table(), at: String::new() }
    }
}

/// Names under which other programs' files hold a secret.
const SECRETS: [&str; 6] = ["client_secret", "secret_key", "private_key", "password", "api_key", "access_token"];

/// An item of a list of texts and tables.
pub(crate) enum TextOrTable<'a> {
    Text(&'a str),
    Table(Table<'a>),
}

/// A table whose values are read by key and type.
pub(crate) struct Table<'a> {
    table: &'a dyn TableLike,
    at: String,
}

impl<'a> Table<'a> {
    /// Refuses every key that is not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), DocumentError> {
        match self.table.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) if SECRETS.contains(&key) => Err(DocumentError::HoldsSecret { key: self.name(key) }),
            Some((key, _)) => {
                let nearest = known.iter().max_by(|a, b| likeness(key, a).total_cmp(&likeness(key, b)));
                Err(DocumentError::UnknownKey {
                    key: self.name(&key.chars().take(64).flat_map(char::escape_debug).collect::<String>()),
                    nearest: self.name(nearest.copied().unwrap_or_default()),
                })
            }
        }
    }

    /// Refuses a key that has another name now.
    pub(crate) fn renamed(&self, key: &str, now: &str) -> Result<(), DocumentError> {
        match self.table.get(key) {
            None => Ok(()),
            Some(_) => Err(DocumentError::Renamed { key: self.name(key), now: self.name(now) }),
        }
    }

    /// Lists the keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.iter().map(|(key, _)| key)
    }

    /// Reads a text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, DocumentError> {
        self.value(key, "must be a text", Item::as_str)
    }

    /// Reads a text or a list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>, DocumentError> {
        self.value(key, "must be a list of texts", |item| match item.as_str() {
            Some(text) => Some(vec![text]),
            None => item.as_array()?.iter().map(toml_edit::Value::as_str).collect(),
        })
    }

    /// Reads a list whose items are texts or tables, or one text.
    pub(crate) fn entries(&self, key: &str) -> Result<Option<Vec<TextOrTable<'a>>>, DocumentError> {
        let at = self.name(key);
        let table = |table: &'a dyn TableLike| TextOrTable::Table(Table { table, at: at.clone() });
        self.value(key, "must be a list of texts or tables", |item| match item {
            Item::ArrayOfTables(tables) => Some(tables.iter().map(|item| table(item)).collect()),
            _ if item.is_str() => item.as_str().map(|text| vec![TextOrTable::Text(text)]),
            _ => {
                let entry = |item: &'a toml_edit::Value| match item.as_inline_table() {
                    Some(item) => Some(table(item)),
                    None => item.as_str().map(TextOrTable::Text),
                };
                item.as_array()?.iter().map(entry).collect()
            }
        })
    }

    /// Reads an absolute path.
    pub(crate) fn path(&self, key: &str) -> Result<Option<PathBuf>, DocumentError> {
        match self.text(key)?.map(Path::new) {
            Some(path) if !path.is_absolute() => Err(self.invalid(key, "must be an absolute path")),
            path => Ok(path.map(Path::to_owned)),
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, DocumentError> {
        self.value(key, "must be true or false", Item::as_bool)
    }

    /// Reads a duration: a text such as `"5m"`, or whole seconds.
    pub(crate) fn duration(&self, key: &str) -> Result<Option<Duration>, DocumentError> {
        self.value(key, "must be a duration such as \"90s\", \"5m\" or \"1h30m\"", |item| match item.as_integer() {
            Some(seconds) => {
                u64::try_from(seconds).ok().map(|seconds| Duration::from_secs(seconds).min(duration::LONGEST))
            }
            None => duration::parse(item.as_str()?),
        })
    }

    /// Reads a table of texts, in the order in which they stand.
    pub(crate) fn pairs(&self, key: &str) -> Result<Option<Vec<(&'a str, &'a str)>>, DocumentError> {
        self.value(key, "must be a table of texts", |item| {
            item.as_table_like()?.iter().map(|(key, value)| Some((key, value.as_str()?))).collect()
        })
    }

    /// Reads a table.
    pub(crate) fn table(&self, key: &str) -> Result<Option<Table<'a>>, DocumentError> {
        let table = self.value(key, "must be a table", Item::as_table_like)?;
        Ok(table.map(|table| Table { table, at: self.name(key) }))
    }

    /// Makes the error for a value that has the right type and is wrong all the same.
    pub(crate) fn invalid(&self, key: &str, why: impl Into<String>) -> DocumentError {
        DocumentError::Invalid { key: self.name(key), why: why.into() }
    }

    /// Makes the error for a table whose content is wrong as a whole.
    pub(crate) fn invalid_itself(&self, why: impl Into<String>) -> DocumentError {
        DocumentError::Invalid { key: self.at.clone(), why: why.into() }
    }

    /// Makes the error for a key of a binding.
    pub(crate) fn damaged(&self, key: &str) -> DocumentError {
        DocumentError::BindingDamaged { key: self.name(key) }
    }

    fn value<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a Item) -> Option<T>,
    ) -> Result<Option<T>, DocumentError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(item) => read(item).map(Some).ok_or_else(|| self.invalid(key, wanted)),
        }
    }

    fn name(&self, key: &str) -> String {
        if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) }
    }
}

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

#[cfg(feature = "cli")]
impl DocumentError {
    /// Returns the key that is wrong, if it is known which.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            DocumentError::NotText | DocumentError::Syntax { .. } => None,
            DocumentError::HoldsSecret { key }
            | DocumentError::UnknownKey { key, .. }
            | DocumentError::Renamed { key, .. }
            | DocumentError::BindingDamaged { key }
            | DocumentError::Invalid { key, .. } => Some(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        Parsed::new(text.as_bytes().to_vec()).expect("it is TOML")
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        let error = parsed("cleint_id = 'x'").root().only(&["client_id", "token_url"]).expect_err("unknown");
        assert_eq!(error.to_string(), "has an unknown key `cleint_id`; the nearest known one is `client_id`");
    }

    #[test]
    fn a_syntax_error_names_its_line_and_quotes_nothing() {
        let error = Parsed::new(b"a = 1\nsecret = hunter2\n".to_vec()).err().expect("no TOML");
        assert_eq!(error, DocumentError::Syntax { line: 2 });
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_key_is_found_on_its_line() {
        let document = parsed("a = 1\n\n[b]\nc = 2\n\"d.e\" = 3\n[f.g]\nh = { i = 4 }\n");
        for (key, line) in [("a", 1), ("b", 3), ("b.c", 4), ("f.g.h.i", 7), ("f.g.x", 6), ("b.x.y", 3)] {
            assert_eq!(document.line_of(key), Some(line), "{key}");
        }
        assert_eq!(document.line_of("x"), None);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_quoted() {
        let document = parsed("token_url = ['hunter2']");
        let error = document.root().text("token_url").expect_err("a list");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
