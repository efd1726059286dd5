//! Changes of what is stored: credentials, the backend, and what a check finds to be left over.
//!
//! Nothing here prints, reads a terminal, or names a flag: the command line hands an [`operator::Operator`] in, which
//! answers questions and learns what happens on the way.

pub(crate) mod backend;
pub(crate) mod check;
pub(crate) mod credential;
pub(crate) mod discovery;
pub(crate) mod doctor;
pub(crate) mod fleet;
pub(crate) mod locked;
pub(crate) mod operator;
pub(crate) mod resource_server;
pub(crate) mod stats;
pub(crate) mod token;
pub(crate) mod urls;
mod waiting;

pub(crate) use waiting::block_on;
