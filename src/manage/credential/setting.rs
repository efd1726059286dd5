//! Setting a credential as a whole: the backend, the lock, the profile, the default.

use super::checks::{check_backend, check_reference, kept_here};
use super::preset::needed;
use super::writable::{Writable, report_leftovers};
use super::{CaFile, Outcome, Over, Refusal, Verify, Wish};
use crate::config::Config;
use crate::error::{Code, Error, Remedy};
use crate::keeper::{Observer, Want, read_ca_file_at};
use crate::manage::backend::choose_keyring;
use crate::manage::operator::{Notice, Operator};
use crate::open::{Home, environment, generations, profiles};
use crate::profile::preset::Preset;
use crate::profile::{Profile, ProfileFile, ProfileName};
use crate::system::files::{Given, make_config_dir, read_given, replace_config};
use crate::system::secret::Secret;

/// The largest `config.toml` that is changed, in bytes.
const CONFIG_CAP: usize = 64 * 1024;

/// How a credential is set.
pub(crate) struct Setting<'a> {
    pub(crate) wish: &'a Wish<'a>,
    pub(crate) ca_file: CaFile,
    pub(crate) default: AsDefault,
    pub(crate) verify: Option<Verify<'a>>,
}

/// Whether the profile becomes the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsDefault {
    /// It does.
    Yes,
    /// It does if it is the first one and no other is the default.
    IfFirst,
}

/// Refuses the name of a profile that the environment makes: a stored one would never be used.
pub(crate) fn check_name(name: &ProfileName) -> Result<(), Error> {
    if name.as_str() != environment::NAME || !environment::is_set() {
        return Ok(());
    }
    let message =
        "the TOKENKEEP_ variables make the profile env, so a stored one would never be used; nothing was changed";
    Err(Error::new(Code::Usage, message).with_remedy(Remedy::NameProfile))
}

/// Refuses to change a profile in part whose secret another data directory keeps.
pub(crate) fn check_place(home: &Home, name: &ProfileName, over: Over) -> Result<(), Error> {
    if over == Over::Nothing {
        return Ok(());
    }
    kept_here(home, name).map_err(|error| match error.remedy().cloned() {
        Some(Remedy::UseDataDirectory { path, variable }) => {
            error.with_remedy(Remedy::UseDataDirectoryOrReplace { path, variable })
        }
        _ => error,
    })
}

/// Completes a merged profile with what its provider needs, and checks everything that can be checked before a secret
/// is typed.
pub(crate) fn complete(
    home: &Home,
    wish: &mut Wish<'_>,
    preset: Option<&Preset>,
    present: Option<&ProfileFile>,
    merged: &mut ProfileFile,
    operator: &dyn Operator,
) -> Result<(), Error> {
    if let Some(preset) = preset {
        merged.request = needed(preset, std::mem::take(&mut merged.request), operator)?;
        wish.given.request = merged.request.clone();
    }
    if wish.base(present).is_some_and(|file| file.headers.is_some()) && merged.headers.is_none() {
        operator.learn(Notice::HeadersLeftOut);
    }
    wish.check_parts(merged)?;
    read_ca_file_at(merged.ca_file.as_deref(), &wish.name)?;
    match &merged.secret {
        None => check_backend(home),
        Some(reference) => check_reference(reference, operator),
    }
}

/// What was set.
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    /// The profile as it was written, without its binding.
    pub(crate) profile: ProfileFile,
}

/// Sets a credential. `draft` is the profile that the secret was asked for; another process may have changed the
/// present one since.
pub(crate) fn set(
    home: &Home,
    setting: &Setting<'_>,
    draft: &ProfileFile,
    secret: Option<Secret>,
    operator: &dyn Operator,
) -> Result<Done, Refusal> {
    // Nothing is chosen before the secret is there: an interrupted prompt leaves no trace.
    if draft.secret.is_none() {
        choose_keyring(home)?;
    }
    let Setting { wish, ca_file, default, verify } = *setting;
    let name = &wish.name;
    let writable = Writable::open(home, operator)?;
    let present = generations::present(&home.profiles_dir(), name)?;
    wish.check_unedited(present.as_ref())?;
    let merged = wish.merged(present.as_ref())?;
    let is_first = profiles::profile_names(&home.profiles_dir())?.is_empty();
    let profile = merged.clone();
    let (outcome, left) = writable.with_editor(home, |editor| editor.set(name, merged, secret, ca_file, verify))?;
    if default == AsDefault::Yes || (is_first && home.config.default_profile.is_none()) {
        match set_default(home, Some(name)) {
            Err(error) if default == AsDefault::Yes => {
                return Err(Error::new(error.code(), format!("the credential of {name} is set; {error}")).into());
            }
            Err(error) => operator.learn(Notice::NoDefault(&error)),
            Ok(()) => {}
        }
    }
    report_leftovers(operator, &left);
    Ok(Done { outcome, profile })
}

/// Writes the name of the default profile into `config.toml`, or takes it out.
pub(super) fn set_default(home: &Home, name: Option<&ProfileName>) -> Result<(), Error> {
    let path = home.config_dir.join("config.toml");
    let present = read_given(&path, Given::Open, CONFIG_CAP)?;
    let text = Config::with_default_profile(present, name.map(ProfileName::as_str));
    let text = text.map_err(|error| Error::in_document(&path, &error))?;
    make_config_dir(&home.config_dir)?;
    Ok(replace_config(&path, text.as_bytes())?)
}

/// Requests a token with a credential that is not set yet, under the lock.
pub(crate) async fn try_credential(
    home: &Home,
    profile: Profile,
    secret: Option<Secret>,
    observer: Observer,
) -> Result<(), Error> {
    let keeper = home.under_lock().keeper_for_verification(profile, secret, observer)?;
    let begun = keeper.parts().clock.now();
    keeper.obtain(Want::IssuedAfter(begun)).await.map(|_| ())
}
