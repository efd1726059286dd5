//! pnpm: `tokenkeep-npm`, which `tokenHelper` in the user's `.npmrc` names for a registry.
//!
//! pnpm names no server, so the profile is the one that is named by `-p`, by the program's name or by a variable, or the
//! default one. Versions up to 10 take the output for the whole header, later ones take it for that if it begins with
//! a word: `Bearer` is always written.

use super::{HelperCall, Reply, Stop, malformed};

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    if !call.words.is_empty() {
        return Err(malformed("tokenkeep-npm takes -p NAME and nothing else").into());
    }
    let name = match &call.profile {
        Some(name) => name.clone(),
        None => call.home.profile_name(None)?,
    };
    let provided = call.token_of(&name)?;
    Ok(Reply::answer(format!("{}\n", *provided.handed().authorization())))
}
