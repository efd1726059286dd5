//! Rust, split as far as imports need it.

#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Splits Rust into words, `::` and single signs; comments and literals are left out, because they import nothing.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len());
        let length = literal(rest).unwrap_or(match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                let length = match word {
                    0 if rest.starts_with("::") => 2,
                    0 => first.len_utf8(),
                    word => word,
                };
                tokens.push(Token { line, text: rest[..length].to_owned() });
                length
            }
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string, raw string, character or lifetime that the text begins with.
fn literal(text: &str) -> Option<usize> {
    let unprefixed = ["br", "cr", "b", "c", "r"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let prefix = &text[..text.len() - unprefixed.len()];
    let hashes = unprefixed.len() - unprefixed.trim_start_matches('#').len();
    let opened = &unprefixed[hashes..];
    if prefix.ends_with('r') && opened.starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = opened[1..].find(&end).map_or(opened.len(), |at| 1 + at + end.len());
        return Some(prefix.len() + hashes + length);
    }
    let quote = unprefixed.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let inner = &unprefixed[1..];
    if quote == '\'' && !inner.starts_with('\\') && inner.chars().nth(1) != Some('\'') {
        return Some(prefix.len() + 1); // a lifetime: its name follows as a word
    }
    let mut is_escaped = false;
    for (at, sign) in inner.char_indices() {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if sign == quote => return Some(prefix.len() + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let tail = &text.as_bytes()[at..];
        let step = if tail.starts_with(b"/*") {
            (1, 2)
        } else if tail.starts_with(b"*/") {
            (-1, 2)
        } else {
            (0, 1)
        };
        depth += step.0;
        at += step.1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}
