//! Records that are damaged, foreign, of the future, swapped or gone: a fault of the cache costs a request, never more.

mod damaged;
mod key_file;
#[cfg(target_os = "linux")]
mod left_over;
#[cfg(target_os = "linux")]
mod other_clocks;
mod swept;
