//! tokenkeep
fn main() {}
