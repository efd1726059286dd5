//! `credentials remove`: a profile with its secret and tokens.

use crate::cli::{Context, secret_input, token};
use crate::error::{Code, Error, Remedy};
use crate::manage::credential;
use crate::profile::ProfileName;
use crate::system::files::EscapedPath;
use crate::usage::args::Remove;

pub(super) fn run(context: &Context<'_>, args: &Remove) -> Result<u8, Error> {
    // No user should lose the only profile through a command that names none.
    if context.profile.is_none() {
        return Err(Error::new(Code::Usage, "which profile to remove is missing").with_remedy(Remedy::NameProfile));
    }
    let name = context.home.profile_name(context.profile.as_deref())?;
    let path = context.home.profiles_dir().join(name.file_name());
    // A file whose state cannot be read may exist.
    if !path.try_exists().unwrap_or(true) {
        return none_of_the_user(context, &name);
    }
    credential::kept_here(&context.home, &name)?;
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

/// Answers for a profile that the user does not have: one of the machine is not this user's to remove.
fn none_of_the_user(context: &Context<'_>, name: &ProfileName) -> Result<u8, Error> {
    match context.home.profile_file(name) {
        Ok((path, _)) => context.ui.unchanged(&format!("{} is the machine's; nothing was changed", EscapedPath(&path))),
        Err(error) if error.code() == Code::ProfileNotFound => {
            context.ui.unchanged(&format!("there is no profile {name}; nothing was changed"))
        }
        Err(error) => Err(error),
    }
}
