//! What takes a token from this program, and how the token is written for it.

mod format;
mod proof;

pub(crate) use format::{Details, FORMATS, Format, Rendering};
use proof::ProvenRequest;
