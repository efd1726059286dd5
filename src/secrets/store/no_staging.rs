//! Without the feature `cli` no items are moved from one store into another.

/// Every store takes no such items.
pub(crate) trait Staging {}

impl<T: ?Sized> Staging for T {}
