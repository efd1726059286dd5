//! The protocols in which clients ask for a token by themselves: one row in the table, and one file for each.
//!
//! A helper reads what its client sends, looks up the profile of the server in the host map, and answers as the client
//! expects. It is the warm path with another mouth: the front program answers what it finds in the cache, and becomes
//! the full program for the rest.

mod bazel;
mod cargo;
mod docker;
mod git;
mod goauth;
mod input;
mod invocation;
mod keyring;
mod kubelet;
mod pnpm;
mod terraform;
mod tokens;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::consumer::{BAZEL, CARGO, Consumer, DOCKER, GIT, GOAUTH, KEYRING, KUBELET, PNPM, TERRAFORM};
use super::handed::Handed;
use super::hosts::{HostMap, ProfileHost};
use crate::error::{Code, Error, Remedy};
use crate::keeper::{Obtained, Source};
use crate::open::Home;
use crate::profile::{AuthScheme, HostEntry, Profile, ProfileName, Target, TokenBinding};
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
    pub(crate) client: &'static Consumer,
    /// Answers one call.
    pub(crate) answer: fn(&mut HelperCall<'_>) -> Result<Reply, Stop>,
    /// Reports a failure in the way that the client understands.
    pub(crate) failure: fn(&Error) -> Reply,
}

/// Every helper.
#[rustfmt::skip]
pub(crate) static HELPERS: [Helper; 9] = [
    Helper {
        name: "git", program: "git-credential-tokenkeep", client: &GIT,
        answer: git::answer, failure: git::failure,
    },
    Helper {
        name: "docker", program: "docker-credential-tokenkeep", client: &DOCKER,
        answer: docker::answer, failure: docker::failure,
    },
    Helper {
        name: "bazel", program: "tokenkeep-bazel", client: &BAZEL,
        answer: bazel::answer, failure: Reply::on_stderr,
    },
    Helper {
        name: "cargo", program: "cargo-credential-tokenkeep", client: &CARGO,
        answer: cargo::answer, failure: cargo::failure,
    },
    Helper {
        name: "pnpm", program: "tokenkeep-npm", client: &PNPM,
        answer: pnpm::answer, failure: Reply::on_stderr,
    },
    Helper {
        name: "keyring", program: "keyring", client: &KEYRING,
        answer: keyring::answer, failure: Reply::on_stderr,
    },
    Helper {
        name: "goauth", program: "tokenkeep-goauth", client: &GOAUTH,
        answer: goauth::answer, failure: Reply::on_stderr,
    },
    Helper {
        name: "terraform", program: "terraform-credentials-tokenkeep", client: &TERRAFORM,
        answer: terraform::answer, failure: Reply::on_stderr,
    },
    Helper {
        name: "kubelet", program: "tokenkeep-kubelet", client: &KUBELET,
        answer: kubelet::answer, failure: Reply::on_stderr,
    },
];

/// What a client gets: the bytes of its protocol, a line for its user, and an exit code.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Perhaps with a token.
    pub(crate) stdout: Zeroizing<String>,
    pub(crate) stderr: String,
    pub(crate) exit: Exit,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exit {
    #[default]
    Success,
    /// In the way in which the protocol has failures: with exit code 1.
    Failure,
    /// As the command line ends with this error.
    Of(Code),
}

impl Exit {
    /// Returns the exit code; `of` has that of an error.
    pub(crate) fn number(self, of: fn(Code) -> u8) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Of(code) => of(code),
        }
    }
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
        Reply { stderr: format!("tokenkeep: {error}\n"), exit: Exit::Of(error.code()), ..Reply::default() }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("stderr", &self.stderr).field("exit", &self.exit).finish_non_exhaustive()
    }
}

/// Why a call has no answer yet.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The full program has to answer: there is no valid token in the cache, or something has to be changed.
    #[cfg(feature = "front")]
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
pub(crate) struct HelperCall<'a> {
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

/// A token with the profile that it is of.
pub(crate) struct Provided {
    profile: Profile,
    obtained: Obtained,
    now: Moment,
}

impl Provided {
    pub(crate) fn handed(&self) -> Handed<'_> {
        Handed { obtained: &self.obtained, profile: &self.profile, now: &self.now }
    }
}

/// A token for a server.
pub(crate) struct Granted {
    pub(crate) host: HostEntry,
    provided: Provided,
}

impl Granted {
    pub(crate) fn handed(&self) -> Handed<'_> {
        self.provided.handed()
    }

    /// Returns what an `Authorization` header holds, as the server takes it: `Bearer TOKEN`, or the token as a password
    /// (RFC 7617).
    pub(crate) fn authorization(&self) -> Zeroizing<String> {
        match self.host.scheme {
            AuthScheme::Bearer => self.handed().authorization(),
            AuthScheme::Basic => {
                let pair = Zeroizing::new(format!("{}:{}", self.username(), self.handed().token().expose()));
                let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                Zeroizing::new(format!("Basic {}", *encoded))
            }
        }
    }

    /// Returns the user name that stands beside the token if it is sent as a password.
    pub(crate) fn username(&self) -> &str {
        &self.host.username
    }
}

impl HelperCall<'_> {
    /// Answers the call, or reports in the client's own way why not; `None` if the full program has to.
    pub(crate) fn run(&mut self) -> Option<Reply> {
        match (self.helper.answer)(self) {
            Ok(reply) => Some(reply),
            #[cfg(feature = "front")]
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

    /// Writes an answer at once, for a client that sends its next request only then. What was answered is not handed on.
    ///
    /// # Errors
    /// [`Code::WriteFailed`].
    pub(crate) fn send(&mut self, answer: &str) -> Result<(), Error> {
        crate::error::written(crate::system::stdout::write(answer.as_bytes()))?;
        self.input.forget_taken();
        Ok(())
    }

    /// Returns the hosts of the profiles that count for this call.
    pub(crate) fn hosts(&self) -> Result<HostMap, Error> {
        HostMap::read(self.home, self.profile.as_ref())
    }

    /// Returns the token for a server; `None` if no profile names it.
    pub(crate) fn token_for(&mut self, target: &Target) -> Result<Option<Granted>, Stop> {
        let map = self.hosts()?;
        let Some(entry) = map.chosen(target)? else { return Ok(None) };
        let provided = self.token_of(&entry.profile)?;
        Ok(Some(Granted { host: entry.host.clone(), provided }))
    }

    /// Returns the token of a profile, for a client that does not name the server.
    pub(crate) fn token_of(&mut self, name: &ProfileName) -> Result<Provided, Stop> {
        let (profile, obtained) = self.tokens.token(self.home, name, self.helper.client.preferred)?;
        if profile.token_binding == TokenBinding::Dpop {
            return Err(needs_proof(&profile, self.helper).into());
        }
        Ok(Provided { profile, obtained, now: self.home.clock.now() })
    }

    /// Returns the token for the hosts of an entry if it is kept and at hand. Requests none, so that a client that wants
    /// to know of every host costs no request.
    pub(crate) fn kept_for(&self, entry: &ProfileHost) -> Option<Granted> {
        let profile = self.home.profile(&entry.profile).ok()?;
        if profile.token_binding == TokenBinding::Dpop {
            return None;
        }
        let token = self.home.cached(&profile, self.helper.client.preferred).ok().flatten()?;
        let obtained = Obtained { token, source: Source::Cache };
        let provided = Provided { profile, obtained, now: self.home.clock.now() };
        Some(Granted { host: entry.host.clone(), provided })
    }

    /// Takes a token out of use that a server refused.
    pub(crate) fn reject(&mut self, target: &Target, refused: &Secret) -> Result<(), Stop> {
        match self.hosts()?.chosen(target)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_a_reply_holds_no_answer() {
        let reply = Reply { stderr: "shown".to_owned(), ..Reply::answer("a token") };
        assert_eq!(format!("{reply:?}"), "Reply { stderr: \"shown\", exit: Success, .. }");
    }
}
