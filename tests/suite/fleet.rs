//! One token for a whole fleet: hosts that name one store, and real servers in the middle.
#![cfg(target_os = "linux")]

mod clocks;
mod detours;
mod diagnosis;
mod disclosure;
mod down;
mod epoch;
mod everyday;
mod exposed;
mod failover;
mod forged;
pub(crate) mod host;
mod hostile;
mod hosts;
mod key;
mod lease;
mod login;
mod moves;
mod refused;
mod rights;
mod rotation;
mod stores;
mod taken_back;
mod vouched;
