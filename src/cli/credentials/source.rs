//! Where the tokens of a profile come from, as it was typed: a provider with its fields, or an issuer.

use crate::cli::issuer::ASKING;
use crate::cli::{Context, block_on};
use crate::error::{Code, Error, Remedy};
use crate::manage::credential::{Wish, provider_names};
use crate::manage::discovery::{self, Spelling};
use crate::manage::urls::{LeadsTo, endpoint};
use crate::profile::preset::{self, Preset};
use crate::profile::{ProfileFile, ProfileName};
use crate::usage::args::Set;

/// Finds the preset of a provider that was typed.
pub(super) fn preset(set: &Set) -> Result<Option<Preset>, Error> {
    match set.provider.as_deref() {
        Some(provider) => find(provider).map(Some),
        // Clap drops the requirement of an argument if another argument excludes what it requires.
        None if !set.with.is_empty() => {
            Err(Error::new(Code::Usage, "--with goes with --provider; nothing was changed"))
        }
        None => Ok(None),
    }
}

fn find(provider: &str) -> Result<Preset, Error> {
    let Some(preset) = preset::find(provider) else {
        let names = provider_names();
        let error = Error::new(Code::Usage, format!("--provider takes one of {}", names.join(", ")));
        let typed = provider.to_ascii_lowercase();
        let nearest = names.into_iter().find(|name| strsim::damerau_levenshtein(name, &typed) <= 2);
        return Err(match nearest {
            Some(name) => error.with_remedy(Remedy::UseSimilar(format!("--provider {name}"))),
            None => error,
        });
    };
    match &preset.refuses {
        Some(why) => {
            Err(Error::new(Code::Usage, format!("{why}; nothing was changed")).with_remedy(Remedy::SeeProviders))
        }
        None => Ok(preset),
    }
}

/// Returns the profile that is meant: that of -p, else the one that has the name of the provider, else `default`.
pub(super) fn profile_name(context: &Context<'_>, set: &Set) -> Result<ProfileName, Error> {
    if context.profile.is_some() {
        return context.profile_name();
    }
    ProfileName::parse(set.provider.as_deref().unwrap_or("default"))
        .ok_or_else(|| Error::new(Code::Usage, "--provider is not known"))
}

/// Reads the values of `--with`, which fill a preset's fields.
pub(super) fn fields(set: &Set, preset: &Preset) -> Result<Vec<(String, String)>, Error> {
    let field = |with: &String| {
        let (name, value) = with
            .split_once('=')
            .ok_or_else(|| Error::new(Code::Usage, "--with takes NAME=VALUE; nothing was changed"))?;
        if preset.has_field(name) {
            return Ok((name.to_owned(), value.to_owned()));
        }
        let fields = preset.fields.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>().join(", ");
        let known = if fields.is_empty() { "nothing".to_owned() } else { fields };
        Err(Error::new(Code::Usage, format!("--with: {} takes {known}; nothing was changed", preset.name)))
    };
    set.with.iter().map(field).collect()
}

/// Requests the endpoints of an issuer if only the issuer was named, and reports what it found.
pub(super) fn discover(
    context: &Context<'_>,
    set: &Set,
    wish: &mut Wish<'_>,
    present: Option<&ProfileFile>,
) -> Result<(), Error> {
    let Some(issuer) = wish.given.issuer.clone().filter(|_| set.token_url.is_none() && set.provider.is_none()) else {
        return Ok(());
    };
    let allowed = discovery::allowed(wish, present);
    let url = endpoint("--issuer", Some(&issuer), LeadsTo::Issuer, &allowed)?;
    if url.is_some_and(|url| url.url().query().is_some()) {
        let message = "--issuer has a query (?...), which an issuer must not have; nothing was changed";
        return Err(Error::new(Code::Usage, message).with_remedy(Remedy::GiveIssuerUrl));
    }
    let is_as_typed = set.issuer.as_ref() == Some(&issuer);
    let spelling = if is_as_typed { Spelling::Given } else { Spelling::OfMetadata };
    let found = {
        let _waiting = context.ui.waiting(ASKING);
        block_on(discovery::look_up(&context.home, wish, present, &issuer, spelling))?
    };
    discovery::pin(wish, present, found, context.ui)
}
