//! `curl`: becomes curl, which reads the token from a descriptor.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::{Context, block_on};
use crate::consumers::consumer::CURL;
use crate::consumers::curl::target;
use crate::consumers::format::{Format, Rendering};
use crate::consumers::handed::Handed;
use crate::consumers::hosts::HostMap;
use crate::error::{Code, Error, Remedy};
use crate::system::process;

/// Runs curl with the header of a token; returns only if that cannot be.
pub(super) fn run(context: &Context<'_>, arguments: &[String]) -> Result<u8, Error> {
    let name = context.profile_name()?;
    let (_, file) = context.home.profile_file(&name)?;
    let mut guard = None;
    if file.hosts.is_some() {
        let target = target(arguments)?;
        if HostMap::read(&context.home, Some(&name))?.chosen(&target)?.is_none() {
            let message = format!("`hosts` of the profile {name} does not name {target}; no token was handed out");
            let remedy = Remedy::NameHost(target.to_string());
            return Err(Error::new(Code::ProfileNotFound, message).with_remedy(remedy).for_profile(&name));
        }
        // curl would make several URLs of one.
        guard = Some("--globoff");
    }
    let keeper = context.home.keeper(&name, context.observer())?.with_preferred_life(CURL.preferred);
    let rendering = Rendering::new(Format::Curl, None)?;
    rendering.check(&keeper.profile())?;
    let obtained = block_on(keeper.obtain(keeper.valid()))?;
    let handed = Handed { obtained: &obtained, profile: &keeper.profile(), now: &context.home.clock.now() };
    let configuration = passed_on(rendering.text(&handed, None)?.as_bytes())?;
    let mut curl = process::command("curl");
    curl.args(guard).args(["-K", &configuration]).args(arguments);
    let error = process::become_program(&mut curl);
    Err(Error::new(Code::Usage, format!("curl cannot be started: {error}; the token is kept")))
}

/// Puts bytes into memory that a program reads after an exec, through a descriptor; returns the descriptor as a path.
#[cfg(target_os = "linux")]
fn passed_on(bytes: &[u8]) -> Result<String, Error> {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    let failed = |error: std::io::Error| {
        Error::new(Code::WriteFailed, format!("the token cannot be passed on: {error}; it is kept"))
    };
    let memory =
        rustix::fs::memfd_create("token", rustix::fs::MemfdFlags::empty()).map_err(|error| failed(error.into()))?;
    let mut memory = std::fs::File::from(memory);
    memory.write_all(bytes).and_then(|()| memory.seek(SeekFrom::Start(0))).map_err(failed)?;
    let path = format!("/dev/fd/{}", memory.as_raw_fd());
    // It has to outlive this function, up to the exec.
    let _ = memory.into_raw_fd();
    Ok(path)
}

/// On another system an unnamed pipe does the same: a token fits into it.
#[cfg(not(target_os = "linux"))]
fn passed_on(bytes: &[u8]) -> Result<String, Error> {
    use std::os::fd::{AsRawFd as _, IntoRawFd as _};

    let failed = |error: std::io::Error| {
        Error::new(Code::WriteFailed, format!("the token cannot be passed on: {error}; it is kept"))
    };
    if bytes.len() > 4096 {
        return Err(Error::new(Code::WriteFailed, "the token is too long to be passed on; it is kept"));
    }
    let (reader, writer) = rustix::pipe::pipe().map_err(|error| failed(error.into()))?;
    let mut writer = std::fs::File::from(writer);
    writer.write_all(bytes).map_err(failed)?;
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    let _ = reader.into_raw_fd();
    Ok(path)
}
