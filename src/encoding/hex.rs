//! Hexadecimal digits, lower case.

/// Writes bytes as digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads exactly `N` bytes from lower-case digits; `None` if the text is anything else.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in any::<[u8; 16]>()) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,6}") {
            let _ = decode::<2>(&text);
        }
    }

    #[test]
    fn only_the_whole_number_of_lower_case_digits_is_read() {
        assert_eq!(decode::<2>("0aff"), Some([0x0a, 0xff]));
        for text in ["", "0a", "0aff0", "0aff00", "0AFF", "0aéf", "+aff"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
    }
}
