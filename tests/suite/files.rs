//! What lies in place of our files and of those given to us: modes, owners, links, and faults of the system.

mod directories;
#[cfg(target_os = "linux")]
mod failing;
mod given;
mod modes;
mod paths;
mod planted;
#[cfg(target_os = "linux")]
mod poor;
mod read_only;
#[cfg(target_os = "linux")]
mod swapped;
#[cfg(target_os = "linux")]
mod umask;

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::common::Outcome;
use crate::machine::paths_in;

/// Everything about a file or directory that a program could have changed: equal before and after means untouched.
fn state(path: &Path) -> Vec<String> {
    let Ok(metadata) = path.symlink_metadata() else { return vec!["nothing".to_owned()] };
    let (kind, size) = (metadata.file_type(), metadata.len());
    let mut state = vec![format!(
        "{} {:o} uid {} inode {} links {} size {size} changed {}.{}",
        path.display(),
        metadata.mode(),
        metadata.uid(),
        metadata.ino(),
        metadata.nlink(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )];
    if kind.is_file() {
        state.push(format!("{:?}", fs::read(path).map_err(|error| error.kind())));
    } else if kind.is_dir() {
        state.extend(paths_in(path).iter().flat_map(|path| self::state(path)));
    } else if kind.is_symlink() || kind.is_fifo() {
        state.push(format!("{:?}", fs::read_link(path).ok()));
    }
    state
}

/// The command of the hint, as it is typed.
fn hinted_command(outcome: &Outcome) -> String {
    let hint = outcome.stderr.lines().find_map(|line| line.strip_prefix("hint: run "));
    hint.unwrap_or_else(|| panic!("there should be a command to run: {outcome:?}")).to_owned()
}
