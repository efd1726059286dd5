//! What lets a store remove an item.

use crate::secrets::ItemName;

/// An item that may be removed. A store removes nothing else: a secret goes only if its copy elsewhere was read back,
/// or if a command retired it by name. An error is never a reason.
#[derive(Debug)]
pub(crate) struct Retired(pub(super) ItemName);

impl Retired {
    /// Retires an item by name: no profile names it any more, or its owner removes it.
    pub(crate) fn by_name(item: ItemName) -> Retired {
        Retired(item)
    }

    /// Returns the name of the item.
    pub(crate) fn item(&self) -> &ItemName {
        &self.0
    }
}
