//! The formats of a token as words of the command line.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::consumers::format::Format;
use crate::system::clock::WallTime;

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Format] {
        &Format::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let row = self.row();
        Some(PossibleValue::new(row.name).help(row.about))
    }
}

/// Writes a time as UTC, in whole seconds, rounded down; `None` if no calendar reaches it.
pub(crate) fn time(wall: WallTime) -> Option<String> {
    wall.to_utc()
}
