//! `env`, `powershell`, `fish`: a line that sets a variable in a shell.

/// Writes a line for a POSIX shell. Within single quotes a shell reads nothing but the closing one.
pub(super) fn posix(variable: &str, value: &str) -> String {
    format!("export {variable}='{}'\n", value.replace('\'', r"'\''"))
}

/// Writes a line for PowerShell, which takes a doubled quote for one.
pub(super) fn powershell(variable: &str, value: &str) -> String {
    format!("$env:{variable} = '{}'\n", value.replace('\'', "''"))
}

/// Writes a line for fish. Within single quotes it reads a backslash before a backslash or a quote.
pub(super) fn fish(variable: &str, value: &str) -> String {
    format!("set -gx {variable} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Returns whether every shell takes a name for that of a variable.
pub(super) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_name_that_every_shell_takes() {
        for name in ["A", "_a1", "access_token"] {
            assert!(is_variable(name), "{name}");
        }
        for name in ["", "1a", "a-b", "a b", "a;b", "\u{e9}"] {
            assert!(!is_variable(name), "{name:?}");
        }
    }

    #[test]
    fn quotes_and_backslashes_stay_what_they_are() {
        assert_eq!(posix("A", r"a'b\c"), "export A='a'\\''b\\c'\n");
        assert_eq!(powershell("A", r"a'b\c"), "$env:A = 'a''b\\c'\n");
        assert_eq!(fish("A", r"a'b\c"), "set -gx A 'a\\'b\\\\c'\n");
    }
}
