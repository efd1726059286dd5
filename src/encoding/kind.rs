//! The kinds of values that files hold which people write.

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
    /// A table of texts.
    Pairs,
    /// A table of texts, and of the places that such texts are read from.
    Headers,
    /// The place that a secret is read from.
    Place,
    /// A table that only this program writes.
    Own,
}
