//! The formats of a token as values of a flag.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::consumers::format::Format;

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Format] {
        &Format::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let row = self.row();
        Some(PossibleValue::new(row.name).help(row.about))
    }
}
