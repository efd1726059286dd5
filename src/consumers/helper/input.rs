//! What a client sends on stdin: bounded, and kept for the full program if that has to answer.

use std::io::Read;

use zeroize::Zeroizing;

use super::malformed;
use crate::error::{Code, Error};

/// The longest input of a client, in bytes. None needs a tenth of it.
const LONGEST: usize = 1024 * 1024;

/// Reads what a client sends, and remembers what was read.
pub(crate) struct Input {
    from: Box<dyn Read>,
    /// All that was read, from which the front program hands it on.
    read: Zeroizing<Vec<u8>>,
    /// How much of it was taken by a protocol.
    taken: usize,
    is_at_end: bool,
}

impl Input {
    pub(crate) fn new(from: impl Read + 'static) -> Input {
        Input { from: Box::new(from), read: Zeroizing::new(Vec::new()), taken: 0, is_at_end: false }
    }

    /// Returns all that was read so far, taken or not.
    #[cfg(any(test, feature = "front"))]
    pub(crate) fn read_so_far(&self) -> &[u8] {
        &self.read
    }

    /// Forgets what was taken: it was answered.
    pub(crate) fn forget_taken(&mut self) {
        let rest = Zeroizing::new(self.read.split_off(self.taken));
        self.read = rest;
        self.taken = 0;
    }

    /// Takes all up to the end of the input, as text.
    ///
    /// # Errors
    /// [`Code::Usage`], if it is too long or no text.
    pub(crate) fn all(&mut self) -> Result<&str, Error> {
        while !self.is_at_end {
            self.more()?;
        }
        let rest = self.taken..self.read.len();
        self.taken = self.read.len();
        text(&self.read[rest])
    }

    /// Takes the next line, without its end; `None` at the end of the input.
    ///
    /// # Errors
    /// As [`Input::all`].
    pub(crate) fn line(&mut self) -> Result<Option<&str>, Error> {
        let mut searched = self.taken;
        let end = loop {
            match self.read[searched..].iter().position(|byte| *byte == b'\n') {
                Some(at) => break searched + at,
                None if self.is_at_end => break self.read.len(),
                None => searched = self.read.len(),
            }
            self.more()?;
        };
        let begin = self.taken;
        self.taken = (end + 1).min(self.read.len());
        if begin == self.read.len() {
            return Ok(None);
        }
        text(&self.read[begin..end]).map(Some)
    }

    fn more(&mut self) -> Result<(), Error> {
        let mut piece = Zeroizing::new([0; 8192]);
        let count = loop {
            match self.from.read(&mut *piece) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // A closed stdin says as much as an empty one.
                Err(error) if error.raw_os_error() == Some(9) => break 0,
                Err(error) => return Err(Error::new(Code::WriteFailed, format!("stdin cannot be read: {error}"))),
                Ok(count) => break count,
            }
        };
        self.is_at_end = count == 0;
        if self.read.len() + count > LONGEST {
            return Err(malformed("the client sent more than 1 MiB; nothing was changed"));
        }
        self.read.extend_from_slice(&piece[..count]);
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("the client sent something that is no UTF-8 text"))?;
    if text.contains('\0') {
        return Err(malformed("the client sent a NUL byte"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_end_at_line_ends_and_at_the_end() {
        let mut input = Input::new(&b"a=b\n\nc"[..]);
        for line in [Some("a=b"), Some(""), Some("c"), None, None] {
            assert_eq!(input.line().expect("text"), line);
        }
        assert_eq!(input.read_so_far(), b"a=b\n\nc");
    }

    #[test]
    fn what_was_answered_is_not_handed_on() {
        let mut input = Input::new(&b"a\nb\nc"[..]);
        assert_eq!(input.line().expect("text"), Some("a"));
        input.forget_taken();
        assert_eq!(input.read_so_far(), b"b\nc");
        assert_eq!(input.line().expect("text"), Some("b"));
        assert_eq!(input.read_so_far(), b"b\nc", "the second line waits for its answer");
    }

    #[test]
    fn too_much_and_no_text_are_errors() {
        assert_eq!(Input::new(std::io::repeat(b'a')).all().expect_err("endless").code(), Code::Usage);
        assert_eq!(Input::new(std::io::repeat(b'a')).line().expect_err("endless").code(), Code::Usage);
        for bytes in [&b"\xff"[..], b"a\0b"] {
            assert_eq!(Input::new(bytes).all().expect_err("no text").code(), Code::Usage);
        }
    }

    proptest! {
        #[test]
        fn lines_put_together_are_the_text(lines in prop::collection::vec("[^\n\0]{0,20}", 0..8)) {
            let whole: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut input = Input::new(std::io::Cursor::new(whole));
            for line in &lines {
                prop_assert_eq!(input.line().expect("text"), Some(line.as_str()));
            }
            prop_assert_eq!(input.line().expect("text"), None);
        }
    }
}
