//! The formats of a token: one row and one arm for each. What a client takes stands in a file of its own.

mod curl;
pub(crate) mod github;
pub(crate) mod google;
pub(in crate::consumers) mod headers;
pub(in crate::consumers) mod json;
pub(crate) mod kubernetes;
mod shell;

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::callers::{self, Meaning};
use super::consumer::{BAZEL, CURL, Consumer, GITHUB, GOOGLE, KUBERNETES, SESSION, SHELL};
use super::handed::Handed;
use crate::encoding::escape;
use crate::error::{Code, Error, Remedy};
use crate::open::text_variable;
use crate::profile::{Profile, TokenBinding};

/// How a token is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// As it is.
    #[default]
    Token,
    Json,
    Header,
    Bearer,
    Env,
    Fish,
    Powershell,
    Curl,
    Headers,
    HeadersList,
    Kubernetes,
    Google,
    Github,
    Dpop,
}

/// What is known of a format.
pub(crate) struct FormatRow {
    pub(crate) format: Format,
    pub(crate) name: &'static str,
    /// What it writes.
    #[cfg(feature = "cli")]
    pub(crate) about: &'static str,
    /// What takes it.
    pub(crate) client: &'static Consumer,
}

const fn row(format: Format, name: &'static str, client: &'static Consumer, _about: &'static str) -> FormatRow {
    FormatRow {
        format,
        name,
        #[cfg(feature = "cli")]
        about: _about,
        client,
    }
}

/// Every format.
pub(crate) static FORMATS: [FormatRow; 14] = [
    row(Format::Token, "token", &SHELL, "The token and a newline"),
    row(Format::Json, "json", &SHELL, "A JSON object"),
    row(Format::Header, "header", &SHELL, "An Authorization header"),
    row(Format::Bearer, "bearer", &SESSION, "The value of an Authorization header"),
    row(Format::Env, "env", &SHELL, "A line for a POSIX shell to evaluate"),
    row(Format::Fish, "fish", &SHELL, "A line for fish to source"),
    row(Format::Powershell, "powershell", &SHELL, "A line for PowerShell to invoke"),
    row(Format::Curl, "curl", &CURL, "A configuration for curl -K -"),
    row(Format::Headers, "headers", &SESSION, "A JSON object of header names and values"),
    row(
        Format::HeadersList,
        "headers-list",
        &BAZEL,
        "A JSON object with a list of values for each header, and their end",
    ),
    row(Format::Kubernetes, "kubernetes", &KUBERNETES, "An ExecCredential for kubectl"),
    row(Format::Google, "google", &GOOGLE, "The answer of an executable-sourced credential of Google; for JWTs"),
    row(Format::Github, "github", &GITHUB, "Mask the token in a job of GitHub Actions, and set it for later steps"),
    row(
        Format::Dpop,
        "dpop",
        &SHELL,
        "Authorization and DPoP headers for one request (RFC 9449); needs --method and --url",
    ),
];

/// The variable that is set if none is named.
const VARIABLE: &str = "ACCESS_TOKEN";

impl Format {
    #[cfg(feature = "cli")]
    pub(crate) const ALL: [Format; FORMATS.len()] = {
        let mut all = [Format::Token; FORMATS.len()];
        let mut at = 0;
        while at < FORMATS.len() {
            all[at] = FORMATS[at].format;
            at += 1;
        }
        all
    };

    /// Returns the format of a name.
    #[cfg(feature = "front")]
    pub(crate) fn named(name: &str) -> Option<Format> {
        FORMATS.iter().find(|row| row.name == name).map(|row| row.format)
    }

    /// Returns what is known of it.
    pub(crate) fn row(self) -> &'static FormatRow {
        FORMATS.iter().find(|row| row.format == self).expect("each format has a row: a test counts them")
    }

    fn sets_a_variable(self) -> bool {
        matches!(self, Format::Env | Format::Fish | Format::Powershell | Format::Github)
    }

    /// Returns whether it is for tokens that need a proof too. Another one would hand such a token out as if any holder
    /// could use it.
    fn carries_proof(self) -> bool {
        matches!(self, Format::Token | Format::Json | Format::Dpop)
    }
}

/// A format with what it needs to know.
#[derive(Debug)]
pub(crate) struct Rendering {
    pub(crate) format: Format,
    variable: String,
    /// What a client of Kubernetes asked for.
    exec_info: Option<String>,
    /// The file in which a job of GitHub Actions sets variables.
    env_file: Option<PathBuf>,
}

impl Rendering {
    /// Makes one of the format and the variable that were typed, and of what the environment says of the client.
    ///
    /// # Errors
    /// [`Code::Usage`], if they do not go together.
    pub(crate) fn new(format: Format, variable: Option<&str>) -> Result<Rendering, Error> {
        let usage = |what: &str| Err(Error::new(Code::Usage, what));
        if variable.is_some() && !format.sets_a_variable() {
            return usage("--env goes with --format env, fish, powershell or github");
        }
        let variable = variable.unwrap_or(VARIABLE);
        if !shell::is_variable(variable) {
            return usage("--env takes the name of a shell variable");
        }
        let exec_info = match format {
            Format::Kubernetes => text_variable(kubernetes::EXEC_INFO)?,
            _ => None,
        };
        kubernetes::version(exec_info.as_deref())?;
        let env_file = match format {
            Format::Github => github::env_file(),
            _ => None,
        };
        Ok(Rendering { format, variable: variable.to_owned(), exec_info, env_file })
    }

    /// Returns the same as JSON.
    pub(crate) fn in_json(self) -> Rendering {
        Rendering { format: Format::Json, ..self }
    }

    /// Refuses what would hand out a token that needs proofs as one that any holder can use, and a format that has no
    /// client here.
    ///
    /// # Errors
    /// [`Code::DowngradeRefused`]; [`Code::Usage`] outside of a job of GitHub Actions, for its format.
    pub(crate) fn check(&self, profile: &Profile) -> Result<(), Error> {
        if self.format == Format::Github && self.env_file.is_none() {
            return Err(github::no_job());
        }
        if profile.token_binding != TokenBinding::Dpop || self.format.carries_proof() {
            return Ok(());
        }
        let what = format!(
            "a DPoP token needs a proof for each request, which --format {} cannot carry",
            self.format.row().name
        );
        Err(Error::new(Code::DowngradeRefused, what).with_remedy(Remedy::NameProvenRequest).for_profile(&profile.name))
    }

    /// Writes a token, with the proof for one request beside it, if the format or the caller asks for one.
    ///
    /// # Errors
    /// [`Code::Usage`], if a client asked for a version of its protocol that is not spoken.
    pub(crate) fn text(&self, handed: &Handed<'_>, proof: Option<&str>) -> Result<Zeroizing<String>, Error> {
        let (token, variable) = (handed.token().expose(), self.variable.as_str());
        Ok(Zeroizing::new(match self.format {
            Format::Token => format!("{token}\n"),
            Format::Header => headers::line(handed),
            Format::Bearer => headers::value(handed),
            Format::Headers => headers::object(handed),
            Format::HeadersList => headers::list(handed),
            Format::Env => shell::posix(variable, token),
            Format::Fish => shell::fish(variable, token),
            Format::Powershell => shell::powershell(variable, token),
            Format::Curl => curl::configuration(handed),
            Format::Kubernetes => kubernetes::credential(handed, self.exec_info.as_deref())?,
            Format::Google => google::answer(handed),
            Format::Github => github::mask(handed),
            Format::Json => {
                let mut object = json::object(handed);
                if let Some(proof) = proof {
                    object["dpop"] = proof.into();
                }
                escape::json(&Zeroizing::new(format!("{object}\n")))
            }
            // The proof is a line of its own.
            Format::Dpop => format!("{}DPoP: {}\n", *Zeroizing::new(headers::line(handed)), proof.unwrap_or_default()),
        }))
    }

    /// Notes to which process a token is handed, if its client reports a refusal by no more than another call; returns
    /// what this call means. A person that calls for such a client is not one of its processes.
    pub(crate) fn hand_over(&self, data_dir: &Path, handed: &Handed<'_>) -> Meaning {
        match (self.format, &self.exec_info) {
            (Format::Kubernetes, Some(_)) => callers::hand_over(data_dir, handed, &KUBERNETES),
            _ => Meaning::Wanted,
        }
    }

    /// Does what is left once the text was written.
    ///
    /// # Errors
    /// As [`github::set`].
    pub(crate) fn finish(&self, handed: &Handed<'_>) -> Result<(), Error> {
        match self.format {
            Format::Github => {
                let file = self.env_file.as_deref().ok_or_else(github::no_job)?;
                github::set(file, &self.variable, handed.token().expose())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_row() {
        for format in Format::ALL {
            assert_eq!(FORMATS.iter().filter(|row| row.format == format).count(), 1, "{format:?}");
        }
    }

    #[test]
    fn a_variable_goes_with_a_format_that_sets_one() {
        for format in Format::ALL {
            assert!(Rendering::new(format, None).is_ok(), "{format:?}");
            assert_eq!(Rendering::new(format, Some("TOKEN")).is_ok(), format.sets_a_variable(), "{format:?}");
        }
    }
}
