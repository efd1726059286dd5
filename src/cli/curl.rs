//! `curl`: becomes curl, which reads the token from a descriptor.

use std::os::fd::IntoRawFd as _;

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

/// Makes a descriptor that curl reads, and returns its path.
fn passed_on(bytes: &[u8]) -> Result<String, Error> {
    let descriptor = process::readable(bytes).map_err(|error| {
        Error::new(Code::WriteFailed, format!("the token cannot be passed on: {error}; it is kept"))
    })?;
    // It stays open up to the exec.
    Ok(format!("/dev/fd/{}", descriptor.into_raw_fd()))
}
