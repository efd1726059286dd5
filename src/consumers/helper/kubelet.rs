//! kubelet: `tokenkeep-kubelet`, an image credential provider (credentialprovider.kubelet.k8s.io/v1).

use std::time::Duration;

use serde::Deserialize;

use super::{Granted, HelperCall, Reply, Stop, malformed};
use crate::consumers::consumer::KUBELET;
use crate::consumers::format::json::quoted;
use crate::error::Error;
use crate::profile::Target;

const API_VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";
/// The registry of an image whose name has none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// What kubelet sends. The token of a service account may stand beside it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    api_version: String,
    kind: String,
    image: String,
}

/// How much of what kubelet pulls an answer is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Registry,
    Image,
}

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    let request = call.input.all()?;
    let request: Request = serde_json::from_str(request)
        .map_err(|_| malformed("kubelet sent no JSON object with apiVersion, kind and image"))?;
    if request.api_version != API_VERSION || request.kind != "CredentialProviderRequest" {
        return Err(
            malformed("the request is no CredentialProviderRequest of credentialprovider.kubelet.k8s.io/v1").into()
        );
    }
    let (registry, target) = image(&request.image)?;
    // kubelet would hand the answer for one image to all of its registry, though their paths have tokens of their own.
    let scope = match call.hosts()?.has_paths_at(&target) {
        true => Scope::Image,
        false => Scope::Registry,
    };
    Ok(Reply::answer(match call.token_for(&target)? {
        Some(granted) => {
            response(scope, granted.handed().left().saturating_sub(KUBELET.margin), &auth(registry, &granted))
        }
        None => response(scope, Duration::ZERO, "null"),
    }))
}

fn auth(registry: &str, granted: &Granted) -> String {
    let (username, password) = (quoted(granted.username()), quoted(granted.handed().token().expose()));
    format!("{{{}:{{\"username\":{},\"password\":{}}}}}", *quoted(registry), *username, *password)
}

fn response(scope: Scope, keep: Duration, auth: &str) -> String {
    let scope = match scope {
        Scope::Registry => "Registry",
        Scope::Image => "Image",
    };
    format!(
        "{{\"apiVersion\":\"{API_VERSION}\",\"kind\":\"CredentialProviderResponse\",\"cacheKeyType\":\"{scope}\",\
         \"cacheDuration\":\"{}\",\"auth\":{auth}}}\n",
        go_duration(keep)
    )
}

/// Writes whole seconds as Go does: `1h0m5s`, `59m0s`, `0s`.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// Returns the registry of an image as its name has it, and the image as a target.
fn image(name: &str) -> Result<(&str, Target), Error> {
    // `HOST[:PORT]/PATH[:TAG][@DIGEST]`; a colon is no end of a path that follows.
    let (name, digest) = name.split_once('@').unwrap_or((name, ""));
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if first == "localhost" || first.contains(['.', ':']) => (first, path),
        _ => (DEFAULT_REGISTRY, name),
    };
    let path = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => path,
    };
    let no_image = |_| malformed("kubelet named no image");
    if path.is_empty() || digest.contains('/') || path.contains(['?', '#', ':']) || registry.contains(['?', '#']) {
        return Err(malformed("kubelet named no image"));
    }
    Ok((registry, Target::parse(&format!("https://{registry}/{path}")).map_err(no_image)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_image_lies_in_the_registry_that_its_name_begins_with() {
        for (name, registry, target) in [
            ("registry.example.com/team/app:v1", "registry.example.com", "registry.example.com/team/app"),
            ("registry.example.com:5000/app@sha256:00", "registry.example.com:5000", "registry.example.com:5000/app"),
            ("registry.example.com:443/a/b:t@sha256:00", "registry.example.com:443", "registry.example.com/a/b"),
            ("localhost/app", "localhost", "localhost/app"),
            ("nginx", "docker.io", "docker.io/nginx"),
            ("library/nginx:1", "docker.io", "docker.io/library/nginx"),
            ("[::1]:5000/app", "[::1]:5000", "[::1]:5000/app"),
        ] {
            let (found, at) = image(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((found, at.to_string().as_str()), (registry, target), "{name}");
        }
        for name in ["", "@", "registry.example.com/", "a.example.com/../b", "u@a.example.com/b", "a.example.com/a b"] {
            assert!(image(name).is_err(), "{name}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m0s"), (3540, "59m0s"), (3605, "1h0m5s")] {
            assert_eq!(go_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(go_duration(Duration::from_millis(999)), "0s");
    }

    proptest! {
        #[test]
        fn any_text_is_an_image_or_an_error_that_does_not_quote_it(name in "\\PC{0,40}") {
            if let Err(error) = image(&name) {
                prop_assert!(name.len() < 6 || !error.to_string().contains(&name));
            }
        }
    }
}
