//! `credentials`: set, list, show, remove.

mod list;
mod questions;
mod remove;
mod set;
mod show;
mod source;
mod typed;

use super::Context;
use crate::error::Error;
use crate::usage::args::Credentials;

pub(crate) fn run(context: &Context<'_>, command: Credentials) -> Result<u8, Error> {
    match command {
        Credentials::Set(set) => set::run(context, &set),
        Credentials::List { names: true } => list::names(context),
        Credentials::List { names: false } => list::run(context),
        Credentials::Show => show::run(context),
        Credentials::Remove(remove) => remove::run(context, &remove),
    }
}
