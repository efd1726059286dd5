//! The thin `tokenkeep` of a release: prints a cached token, or becomes `tokenkeep-full`.

use std::process::ExitCode;

use rlsf::GlobalTlsf;

/// One mapping of 64 KiB serves a warm get, in place of the many small ones of musl; further ones follow as they are
/// needed. So a limit on memory, or a machine that commits no more than it has, holds up no get.
#[global_allocator]
static MEMORY: GlobalTlsf = GlobalTlsf::new();

fn main() -> ExitCode {
    tokenkeep::front::run(std::env::args_os())
}
