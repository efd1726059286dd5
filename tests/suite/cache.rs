//! Records that are damaged, foreign, of the future, swapped or gone: a fault of the cache costs a request, never more.

mod damaged;
mod key_file;
mod swept;
