//! The protocols in which clients ask for a token by themselves: one row in the table, and one file for each.
//!
//! A helper reads what its client sends, looks up the profile of the server in the host map, and answers as the client
//! expects. It is the warm path with another mouth: the front program answers what it finds in the cache, and becomes
//! the full program for the rest.

mod git;
mod input;
mod invocation;
mod tokens;

use std::time::Duration;

use zeroize::Zeroizing;

use super::client::{Client, GIT};
use super::handed::Handed;
use super::hosts::HostMap;
use crate::error::{Code, Error, Remedy};
use crate::keeper::Obtained;
use crate::open::Home;
use crate::profile::{HostEntry, Profile, ProfileName, Target, TokenBinding};
use crate::system::clock::Moment;
use crate::system::secret::Secret;

pub(crate) use input::Input;
pub(crate) use invocation::Invocation;
#[cfg(feature = "cli")]
pub(crate) use tokens::KeeperTokens;
#[cfg(feature = "front")]
pub(crate) use tokens::KeptTokens;

/// What is known of a helper.
pub(crate) struct Helper {
    /// As in `tokenkeep helper NAME`.
    pub(crate) name: &'static str,
    /// The name of the program that the client starts.
    pub(crate) program: &'static str,
    pub(crate) client: &'static Client,
    /// Answers one call.
    pub(crate) answer: fn(&mut Call<'_>) -> Result<Reply, Stop>,
    /// Reports a failure in the way that the client understands.
    pub(crate) failure: fn(&Error) -> Reply,
}

/// Every helper.
pub(crate) static HELPERS: [Helper; 1] = [Helper {
    name: "git",
    program: "git-credential-tokenkeep",
    client: &GIT,
    answer: git::answer,
    failure: git::failure,
}];

/// What a client gets: the bytes of its protocol, a line for its user, and an exit code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) stdout: Zeroizing<String>,
    pub(crate) stderr: String,
    pub(crate) exit: u8,
}

impl Reply {
    /// Makes an answer.
    pub(crate) fn answer(text: impl Into<String>) -> Reply {
        Reply { stdout: Zeroizing::new(text.into()), ..Reply::default() }
    }

    /// Prints nothing, with exit code 0: the client goes on without a token of ours.
    pub(crate) fn silent() -> Reply {
        Reply::default()
    }

    /// Makes a failure that a client finds on stderr: the message on one line.
    pub(crate) fn on_stderr(error: &Error) -> Reply {
        let exit = crate::exit::code(error.code());
        Reply { stderr: format!("tokenkeep: {error}\n"), exit, ..Reply::default() }
    }
}

/// Why a call has no answer yet.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The full program has to answer: there is no valid token in the cache, or something has to be changed.
    NeedsFullProgram,
    /// It failed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// What hands out tokens: the cache only, in the front program, or a keeper.
pub(crate) trait Tokens {
    /// Returns a token of a profile. It is valid for longer than `preferred` if its lifetime allows it.
    fn token(&mut self, home: &Home, name: &ProfileName, preferred: Duration) -> Result<(Profile, Obtained), Stop>;

    /// Takes a token out of use that a server refused, if it is the one that is kept.
    fn reject(&mut self, home: &Home, name: &ProfileName, refused: &Secret) -> Result<(), Stop>;
}

/// One call of a helper.
pub(crate) struct Call<'a> {
    pub(crate) helper: &'static Helper,
    pub(crate) home: &'a Home,
    /// The one profile that the client's configuration names.
    pub(crate) profile: Option<ProfileName>,
    /// What the client appended to the arguments.
    pub(crate) words: Vec<String>,
    pub(crate) input: &'a mut Input,
    pub(crate) tokens: &'a mut dyn Tokens,
    /// Whether the client was greeted: by this program, or by the one that it was before.
    pub(crate) is_greeted: bool,
}

/// A token for a server.
pub(crate) struct Granted {
    pub(crate) host: HostEntry,
    profile: Profile,
    obtained: Obtained,
    now: Moment,
}

impl Granted {
    pub(crate) fn handed(&self) -> Handed<'_> {
        Handed { obtained: &self.obtained, profile: &self.profile, now: &self.now }
    }

    /// Returns the user name that stands beside the token if it is sent as a password.
    pub(crate) fn username(&self) -> &str {
        &self.host.username
    }
}

impl Call<'_> {
    /// Answers the call, or reports in the client's own way why not; `None` if the full program has to.
    pub(crate) fn run(&mut self) -> Option<Reply> {
        match (self.helper.answer)(self) {
            Ok(reply) => Some(reply),
            Err(Stop::NeedsFullProgram) => None,
            Err(Stop::Failed(error)) => Some((self.helper.failure)(&error)),
        }
    }

    /// Writes what the client waits for before it sends anything; once.
    ///
    /// # Errors
    /// [`Code::WriteFailed`].
    pub(crate) fn greet(&mut self, greeting: &str) -> Result<(), Error> {
        if !self.is_greeted {
            crate::error::written(crate::system::stdout::write(greeting.as_bytes()))?;
            self.is_greeted = true;
        }
        Ok(())
    }

    /// Returns the token for a server; `None` if no profile names it.
    pub(crate) fn token_for(&mut self, target: &Target) -> Result<Option<Granted>, Stop> {
        let map = HostMap::read(self.home, self.profile.as_ref())?;
        let Some(entry) = map.chosen(target)? else { return Ok(None) };
        let (profile, obtained) = self.tokens.token(self.home, &entry.profile, self.helper.client.preferred)?;
        if profile.token_binding == TokenBinding::Dpop {
            return Err(needs_proof(&profile, self.helper).into());
        }
        let now = self.home.clock.now();
        Ok(Some(Granted { host: entry.host.clone(), profile, obtained, now }))
    }

    /// Takes a token out of use that a server refused.
    pub(crate) fn reject(&mut self, target: &Target, refused: &Secret) -> Result<(), Stop> {
        let map = HostMap::read(self.home, self.profile.as_ref())?;
        match map.chosen(target)? {
            Some(entry) => self.tokens.reject(self.home, &entry.profile, refused),
            None => Ok(()),
        }
    }
}

fn needs_proof(profile: &Profile, helper: &Helper) -> Error {
    let what = format!("a DPoP token needs a proof for each request, which {} cannot carry", helper.name);
    Error::new(Code::DowngradeRefused, what).with_remedy(Remedy::NameProvenRequest).for_profile(&profile.name)
}

/// Makes the error for what a client sent and the protocol does not have. Nothing of it is quoted: it may hold a secret.
pub(crate) fn malformed(what: &str) -> Error {
    Error::new(Code::Usage, what.to_owned())
}
