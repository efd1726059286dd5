//! One token for a whole fleet: hosts that name one store, and real servers in the middle.
#![cfg(target_os = "linux")]

mod clocks;
mod detours;
mod disclosure;
mod down;
mod everyday;
mod exposed;
mod forged;
pub(crate) mod host;
mod hostile;
mod lease;
mod refused;
mod stores;
mod taken_back;
