//! `credentials remove`: a profile with its secret and tokens.

use crate::cli::{Context, secret_input, token};
use crate::error::{Code, Error, Remedy};
use crate::manage::credential::{self, Presence};
use crate::system::files::EscapedPath;
use crate::usage::args::Remove;

pub(super) fn run(context: &Context<'_>, args: &Remove) -> Result<u8, Error> {
    // No user should lose the only profile through a command that names none.
    if context.profile.is_none() {
        return Err(Error::new(Code::Usage, "the profile to remove is missing").with_remedy(Remedy::NameProfile));
    }
    let name = context.profile_name()?;
    match credential::presence(&context.home, &name)? {
        Presence::OfUser => {}
        Presence::OfMachine(path) => {
            return context.ui.unchanged(&format!("{} is the machine's; nothing was changed", EscapedPath(&path)));
        }
        Presence::Absent => return context.ui.unchanged(&format!("there is no profile {name}; nothing was changed")),
    }
    let question = format!("remove {name} with its secret and tokens?");
    if !args.yes && !secret_input::confirmed(&question, Remedy::Confirm)? {
        return context.ui.unchanged("nothing was changed");
    }
    if args.revoke {
        // Revoke all of them first: a token that could not be revoked is still valid, and its credential is still
        // needed.
        let revoked = token::revoke_all(context, &name)?;
        context.ui.done(&format!("revoked {revoked} token(s) of {name}"));
    }
    let data_dir = credential::remove(&context.home, &name, context.ui)?;
    context.ui.changed(&format!("removed {name} with its secret and tokens from {}", EscapedPath(&data_dir)))
}
