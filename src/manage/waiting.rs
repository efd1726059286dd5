//! Work that waits for the network, and the warnings that come of it.

use std::sync::Arc;

use crate::error::Error;
use crate::error::warning::Warning;
use crate::keeper::Keeper;
use crate::open::Home;
use crate::profile::ProfileName;
use crate::system::runtime;

/// Receives the warnings of a command.
#[derive(Clone)]
pub(crate) struct Warn(Arc<dyn Fn(&Warning) + Send + Sync>);

impl Warn {
    pub(crate) fn new(warn: impl Fn(&Warning) + Send + Sync + 'static) -> Warn {
        Warn(Arc::new(warn))
    }

    pub(crate) fn of(&self, warning: &Warning) {
        (self.0)(warning);
    }

    /// Wires a keeper that warns here.
    pub(crate) fn keeper(&self, home: &Home, name: &ProfileName) -> Result<Keeper, Error> {
        let warn = self.clone();
        home.keeper(name, Box::new(move |warning| warn.of(warning)))
    }
}

/// Runs work that waits for the network. The runtime starts here, after every cheaper way was tried.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    runtime::block_on(work).map_err(Error::no_runtime)?
}
