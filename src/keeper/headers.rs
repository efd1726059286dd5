//! The values of the headers for the token endpoint, read from the places that the profile names.

use std::sync::Arc;

use super::memory::ResolvedRequest;
use super::{Keeper, in_thread};
use crate::error::warning::Warning;
use crate::error::{Code, Error, Remedy};
use crate::oauth::GatewayHeader;
use crate::profile::{HeaderSource, Headers, check_header_value, is_header_masked};
use crate::secrets::exposure;
use crate::system::files::{EscapedPath, read_reference};
use crate::system::secret::Secret;

/// The largest file that a value is read from, in bytes.
const CAP: usize = 64 * 1024;

/// A value that was read, and the warning about its file, if there is one.
struct Read {
    value: Secret,
    exposed: Option<Warning>,
}

impl Keeper {
    /// Reads the values of the headers, at each fetch: files and variables may rotate.
    pub(super) async fn headers(&self, request: &Arc<ResolvedRequest>) -> Result<Vec<GatewayHeader>, Error> {
        if request.profile.headers.is_empty() {
            return Ok(Vec::new());
        }
        let of = request.clone();
        let read = in_thread(move || read_all(&of.profile.headers)).await?;
        let (headers, warnings) = read.map_err(|error| error.for_profile(&request.profile.name))?;
        warnings.iter().for_each(|warning| self.observe(warning));
        Ok(headers)
    }
}

fn read_all(headers: &Headers) -> Result<(Vec<GatewayHeader>, Vec<Warning>), Error> {
    let mut warnings = Vec::new();
    let mut all = Vec::new();
    for (name, source) in headers.iter() {
        let read = value(name, source)?;
        warnings.extend(read.exposed);
        check_header_value(&read.value).map_err(|why| unusable(name, &why.to_string()))?;
        let is_masked = is_header_masked(source, &read.value);
        all.push(GatewayHeader { name: name.to_owned(), value: read.value, is_masked });
    }
    Ok((all, warnings))
}

fn value(name: &str, source: &HeaderSource) -> Result<Read, Error> {
    let text = |bytes: &[u8]| Secret::from_text(bytes).map_err(|why| unusable(name, &why.to_string()));
    match source {
        HeaderSource::Value(value) => Ok(Read { value: value.clone(), exposed: None }),
        HeaderSource::File(path) => {
            let missing = || unusable(name, &format!("is read from {}, which is missing", EscapedPath(path)));
            let file = read_reference(path, CAP)?.ok_or_else(missing)?;
            Ok(Read { value: text(&file.bytes)?, exposed: exposure(path, &file) })
        }
        HeaderSource::Env(variable) => {
            let unset = || {
                unusable(
                    name,
                    &format!("is read from {}, which is not set", crate::encoding::escape::Escaped(variable)),
                )
            };
            let value = zeroize::Zeroizing::new(std::env::var_os(variable).ok_or_else(unset)?.into_encoded_bytes());
            Ok(Read { value: text(&value)?, exposed: None })
        }
    }
}

fn unusable(name: &str, why: &str) -> Error {
    Error::new(Code::ConfigInvalid, format!("the value of the header {name} {why}; nothing was sent"))
        .with_remedy(Remedy::PutHeaderThere)
}
