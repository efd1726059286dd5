//! The formats of a token as values of a flag.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::consumers::format::{FORMATS, Format};

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Format] {
        &Format::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (_, name, what) = FORMATS.into_iter().find(|(format, ..)| format == self)?;
        Some(PossibleValue::new(name).help(what))
    }
}
