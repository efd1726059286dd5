//! Which process was handed which token, for a client that reports a refusal only by another call before the token ends.
//!
//! It is kept in one small file of the data directory, with digests in place of tokens. Whatever is wrong with that
//! file costs the notice of one refusal, and never a token.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::consumer::Consumer;
use super::handed::Handed;
use crate::encoding::hex;
use crate::error::chain;
use crate::system::clock::WallTime;
use crate::system::files::{Dir, Missing, PlaceError};
use crate::system::process_id::ProcessId;

/// The file, and its first line.
pub(crate) const CALLERS: &str = "callers";
const KIND: &str = "tokenkeep-callers ";
const VERSION: &str = "1";

/// How many entries are kept, and how many bytes are read.
const MOST: usize = 64;
const LONGEST: u64 = 32 * 1024;

/// A client that asks again within this time, in seconds, asks for more than one of its threads.
const AT_ONCE: i64 = 10;

/// How often, and how long each time, another process is waited for that writes the file.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(1);

/// What another call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The client wants a token.
    Wanted,
    /// It was handed this token a while ago, and asks before the end that it knows: a server refused the token.
    Refused,
}

/// Notes that a token is handed to the process that started this one; returns what its call means.
pub(crate) fn hand_over(data_dir: &Path, handed: &Handed<'_>, client: &Consumer) -> Meaning {
    let Some(caller) = ProcessId::of_parent() else { return Meaning::Wanted };
    let end = handed.reported_end(client).seconds();
    let digest = digest(handed.token().expose(), caller);
    let entry = Holder { caller, digest, since: handed.now.wall.seconds(), end };
    let noted = Dir::open(data_dir, Missing::Leave).map_err(Unnoted::from).and_then(|dir| match dir {
        Some(dir) => note(&dir, &entry, handed.now.wall, ProcessId::is_running),
        None => Ok(Meaning::Wanted),
    });
    noted.unwrap_or_else(|error| {
        tracing::debug!("to which process the token is handed was not noted: {}", chain(&error));
        Meaning::Wanted
    })
}

/// A token in the hands of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    caller: ProcessId,
    digest: String,
    /// Since when the process has it, and the end that it knows: seconds since 1970.
    since: i64,
    end: i64,
}

/// Why the file was not read or written.
#[derive(Debug, thiserror::Error)]
enum Unnoted {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("the file `{CALLERS}` cannot be read or written")]
    File(#[from] io::Error),
    #[error("another process holds the file `{CALLERS}`")]
    Busy,
    #[error("the file `{CALLERS}` was written by a newer version")]
    Newer,
}

/// Looks for the same entry, and adds it if there is none.
fn note(dir: &Dir, entry: &Holder, now: WallTime, is_running: impl Fn(ProcessId) -> bool) -> Result<Meaning, Unnoted> {
    let mut file = locked(dir)?;
    let mut entries = read(&mut file)?;
    let now = now.seconds();
    // It is over, so its client asks for another one; or the clock was set back.
    entries.retain(|entry| entry.since <= now && now < entry.end);
    if let Some(before) = entries.iter().find(|of| of.caller == entry.caller && of.digest == entry.digest) {
        return Ok(if now - before.since > AT_ONCE { Meaning::Refused } else { Meaning::Wanted });
    }
    entries.retain(|entry| is_running(entry.caller));
    // They are in the order of their times.
    let surplus = (entries.len() + 1).saturating_sub(MOST);
    entries.drain(..surplus);
    entries.push(entry.clone());
    write(&mut file, &entries)?;
    Ok(Meaning::Wanted)
}

/// Opens the file for one process at a time. The lock ends with the process.
fn locked(dir: &Dir) -> Result<File, Unnoted> {
    for _ in 0..ATTEMPTS {
        let file = dir.lock_file(CALLERS)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Err(Unnoted::Busy)
}

/// Reads the entries; what is none is passed over.
fn read(file: &mut File) -> Result<Vec<Holder>, Unnoted> {
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    match lines.next().and_then(|line| line.strip_prefix(KIND)) {
        Some(VERSION) => Ok(lines.filter_map(Holder::parse).take(MOST).collect()),
        Some(version) if version.parse::<u32>().is_ok() => Err(Unnoted::Newer),
        _ => Ok(Vec::new()),
    }
}

/// Writes the entries in place of the present ones. It need not survive a kill: a line that was torn is passed over.
fn write(file: &mut File, entries: &[Holder]) -> io::Result<()> {
    let mut text = format!("{KIND}{VERSION}\n");
    for Holder { caller, digest, since, end } in entries {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "caller {} {} {digest} {since} {end}", caller.number, caller.started);
    }
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

impl Holder {
    fn parse(line: &str) -> Option<Holder> {
        let mut words = line.strip_prefix("caller ")?.split(' ');
        let mut word = || words.next();
        let caller = ProcessId { number: word()?.parse().ok()?, started: word()?.parse().ok()? };
        let digest = word().filter(|digest| hex::decode::<16>(digest).is_some())?.to_owned();
        let (since, end) = (word()?.parse().ok()?, word()?.parse().ok()?);
        word().is_none().then_some(Holder { caller, digest, since, end })
    }
}

/// Distinguishes a token from others in the hands of a process: half a digest, and another one for each process.
fn digest(token: &str, caller: ProcessId) -> String {
    let mut hash = Sha256::new();
    hash.update(b"tokenkeep/v1/caller");
    hash.update(caller.number.to_be_bytes());
    hash.update(caller.started.to_be_bytes());
    hash.update(token.as_bytes());
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests;
