//! `init`: where secrets are kept.

use super::Context;
use super::args::Init;
use crate::error::{Code, Error};
use crate::place::{Dir, Missing, Shown, make_config_dir, remove_config_temporaries};
use crate::secrets::{Backend, MissingKey, StoreLock, establish};

pub(crate) fn run(context: &Context<'_>, init: Init) -> Result<u8, Error> {
    let home = &context.home;
    let key_file = match init.key_file {
        Some(path) => std::path::absolute(path).map_err(|_| Error::new(Code::Usage, "--key-file is not a path"))?,
        None => home.key_file(),
    };
    let backend = Backend::File { key_file: key_file.clone() };
    if home.configured()?.is_some_and(|configured| configured != backend) {
        return Err(Error::new(Code::ConfigInvalid, "config.toml names another key file; nothing was changed")
            .with_hint("change [secrets] of config.toml, or leave --key-file out"));
    }
    make_config_dir(&home.config_dir)?;
    let dir = Dir::open(&home.data_dir, Missing::Create)?;
    let dir = dir.ok_or_else(|| Error::new(Code::WriteFailed, "the data directory vanished while it was made"))?;
    establish(&dir, &backend, MissingKey::Create).map_err(|error| {
        let made = Error::from(error);
        match made.code() {
            // What this very command cannot do must not be its own hint.
            Code::KeyFileMissing => made.with_hint("restore the key file, or start anew with another --data-dir"),
            _ => made,
        }
    })?;
    {
        // What an `init` that was killed left there. Under the lock, where nobody else writes.
        let _lock = StoreLock::take(&dir)?;
        remove_config_temporaries(&home.config_dir)?;
    }
    context.ui.done(&format!(
        "secrets are kept in sealed files in {}, opened by the key file {}",
        Shown(&home.data_dir),
        Shown(&key_file)
    ));
    Ok(0)
}
