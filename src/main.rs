//! The `tokenkeep` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokenkeep::cli::run(std::env::args_os())
}
