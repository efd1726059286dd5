//! The endpoints of the issuer that the environment names.

use super::{Context, block_on};
use crate::error::Error;
pub(crate) use crate::manage::discovery::Lookup;
use crate::manage::discovery::{OfEnvironment, of_environment as known};
use crate::open::environment::Endpoints;

/// What a user reads while an issuer is asked.
pub(super) const ASKING: &str = "requesting the endpoints of the issuer";

/// Returns the endpoints of the issuer, if the environment names only the issuer and its profile is meant. They are kept in
/// the data directory, and requested if they are not there or as `lookup` says.
pub(crate) fn of_environment(context: &Context<'_>, lookup: Lookup) -> Result<Option<Endpoints>, Error> {
    let search = match known(&context.home, context.profile.as_deref(), lookup)? {
        OfEnvironment::NotNamed => return Ok(None),
        OfEnvironment::Known(endpoints) => return Ok(Some(*endpoints)),
        OfEnvironment::Unknown(search) => search,
    };
    let _waiting = context.ui.waiting(ASKING);
    block_on(search.run(&context.home)).map(Some)
}
