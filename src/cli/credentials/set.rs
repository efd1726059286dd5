//! `credentials set`: what was typed, over what is there, becomes a bound credential.

use super::{questions, source, typed};
use crate::cli::{Context, block_on, request};
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::manage::credential::{
    self, AsDefault, CaFile, Done, GivenSecret, Outcome, Over, Refusal, Setting, Verify, Wish,
};
use crate::manage::fleet::derived;
use crate::open::generations;
use crate::profile::{ProfileFile, ProfileName, Request};
use crate::system::secret::Secret;
use crate::usage::args::Set;

pub(super) fn run(context: &Context<'_>, set: &Set) -> Result<u8, Error> {
    // What was typed is not in the profile yet, so no other command could build on it.
    typed_and_set(context, set).map_err(|refusal| match refusal {
        Refusal::NoClientId => {
            let message = "--client-id is missing; nothing was changed";
            Error::new(Code::Usage, message).with_remedy(Remedy::GiveClientId).of_set()
        }
        Refusal::Failed(error) => error.of_set(),
    })
}

fn typed_and_set(context: &Context<'_>, set: &Set) -> Result<u8, Refusal> {
    let set = &questions::answered(context, set)?;
    // First: the error for an unknown provider lists the known ones.
    let preset = source::preset(set)?;
    let name = source::profile_name(context, set)?;
    credential::check_name(&name)?;
    let home = &context.home;
    let present = generations::present(&home.profiles_dir(), &name)?;
    let request = |present: &Request| request::typed(&set.request, present);
    let mut wish = wish(set, &name, &request);
    credential::check_place(home, &name, wish.over)?;
    wish.given = typed::profile(set, wish.base(present.as_ref()))?;
    wish.check_unedited(present.as_ref())?;
    if let Some(preset) = &preset {
        let fields = source::fields(set, preset)?;
        credential::fill(preset, fields, &mut wish, present.as_ref(), context.ui)?;
    }
    source::discover(context, set, &mut wish, present.as_ref())?;
    let mut draft = wish.merged(present.as_ref())?;
    request::warn_of_resources(&set.request, context.ui);
    credential::complete(home, &mut wish, preset.as_ref(), present.as_ref(), &mut draft, context.ui)?;
    // Before the lock: a user may take long to type.
    let secret = secret(context, set, &name, present.as_ref(), &draft)?;
    let verify = |profile, secret| {
        let _waiting = context.ui.waiting("trying the credential");
        block_on(credential::try_credential(home, profile, secret, context.observer()))
    };
    let setting = Setting {
        wish: &wish,
        ca_file: if set.ca_file.is_some() { CaFile::Named } else { CaFile::AsBefore },
        default: if set.default { AsDefault::Yes } else { AsDefault::IfFirst },
        verify: set.verify.then_some(&verify as Verify<'_>),
    };
    let done = credential::set(home, &setting, &draft, secret, context.ui)?;
    if derived::is_missing(home, &name) {
        context.ui.warn(&Warning::FleetKeyMissing(name.to_string()));
    }
    Ok(report(context, set, &name, &done)?)
}

fn wish<'a>(
    set: &Set,
    name: &ProfileName,
    request: &'a dyn Fn(&Request) -> Result<Option<Request>, Error>,
) -> Wish<'a> {
    let is_to_store = set.secret_stdin || set.secret_file.is_some();
    Wish {
        name: name.clone(),
        over: if set.replace { Over::Nothing } else { Over::Present },
        given: ProfileFile::default(),
        request,
        params: Vec::new(),
        secret: if is_to_store { GivenSecret::ToStore } else { GivenSecret::None },
    }
}

/// Reads the secret, and checks that the profile can use it.
fn secret(
    context: &Context<'_>,
    set: &Set,
    name: &ProfileName,
    present: Option<&ProfileFile>,
    draft: &ProfileFile,
) -> Result<Option<Secret>, Error> {
    let secret = questions::secret(context, set, name, present, draft)?;
    if let (Some(secret), Ok(profile)) = (&secret, draft.resolve(name))
        && let Some(warning) = credential::check_form(&profile, secret)?
    {
        context.ui.warn(&warning);
    }
    Ok(secret)
}

fn report(context: &Context<'_>, set: &Set, name: &ProfileName, done: &Done) -> Result<u8, Error> {
    let was_default = context.home.config.default_profile.as_deref() == Some(name.as_str());
    let is_new_default = set.default && !was_default;
    let default = if is_new_default { format!("; {name} is the default now") } else { String::new() };
    match done.outcome {
        Outcome::Stored => {
            // The credential is set: a failure to name its place must not report otherwise.
            let place = match done.profile.secret {
                Some(_) => ", and read at each fetch".to_owned(),
                None => place(context).unwrap_or_default(),
            };
            let get = context.ui.command(&format!("token get -p {name}"));
            context.ui.changed(&format!("the credential of {name} is set{place}{default}; try it: {get}"))
        }
        Outcome::Changed => {
            context.ui.changed(&format!("the profile {name} is changed; its secret and tokens stay{default}"))
        }
        Outcome::Unchanged if is_new_default => {
            context.ui.changed(&format!("the credential of {name} is as it was{default}"))
        }
        Outcome::Unchanged => context.ui.unchanged(&format!("the credential of {name} is as it was; its tokens stay")),
    }
}

/// Names the place of stored secrets, for the last line of the command.
fn place(context: &Context<'_>) -> Result<String, Error> {
    let opened = context.home.opened()?;
    Ok(opened.map(|opened| format!(", in {}", opened.keys.choice().backend.shown())).unwrap_or_default())
}
