//! Text from outside on one line of a terminal: what a terminal obeys, and what reorders or hides text, is escaped.

use std::fmt;

/// Returns whether a terminal obeys a symbol, or the symbol reorders text or is not seen: controls (C0, DEL, C1),
/// line and paragraph separators, marks and overrides of direction, zero-width symbols, tags.
pub(crate) fn is_deceptive(symbol: char) -> bool {
    symbol.is_control()
        || matches!(
            symbol,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Shows a text on one line, with deceptive symbols as `\u{...}`.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symbol in self.0.chars() {
            if is_deceptive(symbol) {
                write!(f, "{}", symbol.escape_unicode())?;
            } else {
                write!(f, "{symbol}")?;
            }
        }
        Ok(())
    }
}

/// Escapes deceptive symbols in JSON text. They stand inside strings only: the values stay the same (RFC 8259 s. 7).
#[cfg(any(feature = "cli", feature = "front"))]
pub(crate) fn json(text: &str) -> String {
    if !text.chars().any(|symbol| !symbol.is_ascii() && is_deceptive(symbol)) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for symbol in text.chars() {
        if symbol.is_ascii() || !is_deceptive(symbol) {
            escaped.push(symbol);
        } else {
            let mut units = [0; 2];
            for unit in symbol.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_what_hides_text_is_escaped() {
        for symbol in ['\u{1b}', '\n', '\u{7f}', '\u{9b}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{202e}', '\u{feff}'] {
            let text = format!("a{symbol}b");
            assert_eq!(Escaped(&text).to_string(), format!("a{}b", symbol.escape_unicode()));
        }
        assert_eq!(Escaped("ä 日本 x").to_string(), "ä 日本 x");
    }

    proptest! {
        #[test]
        #[cfg(any(feature = "cli", feature = "front"))]
        fn escaped_json_has_the_same_value_and_no_deceptive_symbol(text in any::<String>()) {
            let escaped = json(&serde_json::Value::from(text.as_str()).to_string());
            prop_assert!(!escaped.chars().any(is_deceptive));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).expect("JSON"), text);
        }
    }
}
