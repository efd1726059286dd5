//! The thin `tokenkeep` of a release: prints a cached token, or becomes `tokenkeep-full`.

use std::process::ExitCode;

use static_alloc::Bump;

/// Nothing is given back before the end, which takes out two dozen system calls and page faults: a quarter of the time
/// of a warm get. What is read is capped, and a page that nobody touches costs nothing; all of it would be used up by
/// the names of some hundred thousand profiles.
#[global_allocator]
static MEMORY: Bump<[u8; 64 << 20]> = Bump::uninit();

fn main() -> ExitCode {
    tokenkeep::front::run(std::env::args_os())
}
