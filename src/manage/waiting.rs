//! Work that waits for the network.

use crate::error::Error;
use crate::system::runtime;

/// Runs work that waits for the network. The runtime starts here, after every cheaper way was tried.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    runtime::block_on(work).map_err(Error::no_runtime)?
}
