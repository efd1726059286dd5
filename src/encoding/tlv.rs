//! The one binary encoding inside sealed records: tag, length, value.
//!
//! A field is a `u16` tag, a `u32` length and that many bytes, all big-endian. Tags ascend, each
//! stands exactly once, nothing follows the last. So every sequence of values has one encoding and
//! every encoding one meaning: what identities and bindings need to be compared byte for byte.

use std::fmt;

use zeroize::Zeroizing;

/// Writes fields in ascending order of their tags.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Zeroizing<Vec<u8>>,
    last: Option<u16>,
}

impl Writer {
    /// Appends a field.
    ///
    /// # Panics
    /// When tags do not ascend or a value is 4 GiB long: both are errors of the caller's code.
    pub(crate) fn bytes(&mut self, tag: u16, value: &[u8]) -> &mut Writer {
        assert!(self.last.is_none_or(|last| last < tag), "tags ascend");
        self.last = Some(tag);
        self.bytes.extend_from_slice(&tag.to_be_bytes());
        self.bytes.extend_from_slice(&length(value).to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    /// Appends a field that may be absent: a presence byte, then the value.
    pub(crate) fn optional(&mut self, tag: u16, value: Option<&[u8]>) -> &mut Writer {
        let mut field = Zeroizing::new(vec![u8::from(value.is_some())]);
        field.extend_from_slice(value.unwrap_or_default());
        self.bytes(tag, &field)
    }

    /// Appends a list: its count, then each item with its length.
    pub(crate) fn list<'a>(&mut self, tag: u16, items: impl ExactSizeIterator<Item = &'a [u8]>) -> &mut Writer {
        let count = u32::try_from(items.len()).expect("a list has fewer than 2^32 items");
        let mut field = count.to_be_bytes().to_vec();
        for item in items {
            field.extend_from_slice(&length(item).to_be_bytes());
            field.extend_from_slice(item);
        }
        self.bytes(tag, &field)
    }

    /// Returns what was written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what was written.
    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.bytes
    }
}

fn length(value: &[u8]) -> u32 {
    u32::try_from(value.len()).expect("a value is shorter than 4 GiB")
}

/// Something else than what was expected stands in the bytes. Shows nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encoding is not valid")]
pub(crate) struct Malformed;

/// Reads fields in the order in which they were written.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader(REDACTED)")
    }
}

impl<'a> Reader<'a> {
    /// Starts at the first field.
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Reads the next field, which has to carry `tag`.
    pub(crate) fn bytes(&mut self, tag: u16) -> Result<&'a [u8], Malformed> {
        match self.field()? {
            (found, value) if found == tag => Ok(value),
            _ => Err(Malformed),
        }
    }

    /// Reads a field that may be absent.
    pub(crate) fn optional(&mut self, tag: u16) -> Result<Option<&'a [u8]>, Malformed> {
        match self.bytes(tag)?.split_first() {
            Some((0, [])) => Ok(None),
            Some((1, value)) => Ok(Some(value)),
            _ => Err(Malformed),
        }
    }

    /// Reads a list.
    pub(crate) fn list(&mut self, tag: u16) -> Result<Vec<&'a [u8]>, Malformed> {
        let mut field = Reader::new(self.bytes(tag)?);
        let count = u32::from_be_bytes(field.array()?);
        let mut items = Vec::new();
        for _ in 0..count {
            let length = u32::from_be_bytes(field.array()?);
            items.push(field.take(usize::try_from(length).map_err(|_| Malformed)?)?);
        }
        field.finish()?;
        Ok(items)
    }

    /// Reads a field of a fixed size.
    pub(crate) fn fixed<const N: usize>(&mut self, tag: u16) -> Result<[u8; N], Malformed> {
        self.bytes(tag)?.try_into().map_err(|_| Malformed)
    }

    /// Reads a field of UTF-8 text.
    pub(crate) fn text(&mut self, tag: u16) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes(tag)?).map_err(|_| Malformed)
    }

    /// Reads a field of UTF-8 text that may be absent.
    pub(crate) fn optional_text(&mut self, tag: u16) -> Result<Option<&'a str>, Malformed> {
        self.optional(tag)?.map(std::str::from_utf8).transpose().map_err(|_| Malformed)
    }

    /// Reads the next field, whatever its tag.
    pub(crate) fn field(&mut self) -> Result<(u16, &'a [u8]), Malformed> {
        let tag = u16::from_be_bytes(self.array()?);
        let length = u32::from_be_bytes(self.array()?);
        Ok((tag, self.take(usize::try_from(length).map_err(|_| Malformed)?)?))
    }

    /// Returns whether the next field carries `tag`.
    pub(crate) fn next_is(&self, tag: u16) -> bool {
        self.rest.starts_with(&tag.to_be_bytes())
    }

    /// Returns whether nothing is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(
            value in prop::collection::vec(any::<u8>(), 0..64),
            optional in prop::option::of(prop::collection::vec(any::<u8>(), 0..64)),
            list in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..16), 0..8),
        ) {
            let mut writer = Writer::default();
            writer.bytes(1, &value).optional(2, optional.as_deref()).list(7, list.iter().map(Vec::as_slice));
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.bytes(1), Ok(value.as_slice()));
            prop_assert_eq!(reader.optional(2), Ok(optional.as_deref()));
            prop_assert_eq!(reader.list(7), Ok(list.iter().map(Vec::as_slice).collect()));
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = Reader::new(&bytes).bytes(1);
            let _ = Reader::new(&bytes).optional(1);
            let _ = Reader::new(&bytes).list(1);
        }
    }

    #[test]
    fn a_count_without_its_items_is_refused_without_reserving_memory() {
        let mut writer = Writer::default();
        writer.bytes(1, &u32::MAX.to_be_bytes());
        assert_eq!(Reader::new(&writer.finish()).list(1), Err(Malformed));
    }

    #[test]
    fn bytes_after_the_last_field_are_refused() {
        let mut writer = Writer::default();
        writer.bytes(1, b"x");
        let mut bytes = writer.finish().to_vec();
        bytes.push(0);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.bytes(1), Ok(b"x".as_slice()));
        assert_eq!(reader.finish(), Err(Malformed));
    }

    #[test]
    fn an_absent_value_is_not_an_empty_one() {
        let write = |value: Option<&[u8]>| {
            let mut writer = Writer::default();
            writer.optional(1, value);
            writer.finish()
        };
        assert_ne!(write(None), write(Some(b"")));
    }
}
