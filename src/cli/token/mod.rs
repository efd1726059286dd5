//! `token`: get, validate, list, revoke, forget.

mod forget;
mod get;
mod list;
mod meant;
mod validate;

use super::Context;
use crate::error::Error;
use crate::usage::args::Token;
pub(super) use forget::revoke_all;

pub(crate) fn run(context: &Context<'_>, command: Token) -> Result<u8, Error> {
    match command {
        Token::Get(typed) => get::run(context, &typed),
        Token::Validate(typed) => validate::run(context, &typed),
        Token::List => list::run(context),
        Token::Revoke { request } => forget::revoke(context, &request),
        Token::Forget { request, all, fleet } => forget::run(context, &forget::Typed { request, all, fleet }),
    }
}
