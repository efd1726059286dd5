//! The user of the command line, as a change of what is stored knows one.

use super::secret_input;
use super::ui::Ui;
use crate::error::Error;
use crate::manage::operator::{CleanupFailure, Notice, Operator, Question};

impl Operator for Ui {
    fn answer(&self, question: Question) -> Result<String, Error> {
        secret_input::asked(&question.what, question.beforehand)
    }

    fn learn(&self, notice: Notice<'_>) {
        const FAILED: &str = "cache_write_failed";
        match notice {
            Notice::Warning(warning) => self.warn(warning),
            Notice::NotEnded(error) => self.warn_with(FAILED, &format!("an interrupted change is not ended: {error}")),
            Notice::LeftBehind(left) => {
                let left = match left {
                    CleanupFailure::Stays(why) => why.clone(),
                    CleanupFailure::SecretUnknown(why) => {
                        format!("{why}; if a secret is stored for it, tokenkeep doctor --fix erases it")
                    }
                };
                self.warn_with(FAILED, &format!("something old was left behind: {left}"));
            }
            Notice::OldRecord(record) => self.warn_with(FAILED, &format!("an old record was left behind: {record}")),
            Notice::NoDefault(error) => self.warn_with(FAILED, &format!("no default profile is set: {error}")),
            Notice::SecretUnavailable(error) => {
                self.warn_with("secret_unavailable", &format!("no token can be requested yet: {error}"));
            }
            Notice::HeadersLeftOut => {
                self.done("the headers of the former issuer are left out: give those of the new one with --header");
            }
            Notice::IssuerFound(issuer) => self.done(&format!("found and pinned: issuer {issuer}")),
            Notice::EndpointFound(what, url) => self.done(&format!("found and pinned: {what} {url}")),
        }
    }
}
