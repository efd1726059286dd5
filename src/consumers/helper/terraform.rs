//! Terraform and OpenTofu: `terraform-credentials-tokenkeep get|store|forget HOST`.

use super::{HelperCall, Reply, Stop, malformed};
use crate::consumers::format::json::quoted;
use crate::error::{Code, Error};
use crate::profile::Target;

/// Answers one call.
pub(super) fn answer(call: &mut HelperCall<'_>) -> Result<Reply, Stop> {
    let words: Vec<&str> = call.words.iter().map(String::as_str).collect();
    match words[..] {
        ["get", host] => {
            let target = server(host)?;
            let granted = call.token_for(&target)?;
            Ok(granted.map_or_else(
                || Reply::answer("{}\n"),
                |granted| Reply::answer(format!("{{\"token\":{}}}\n", *quoted(granted.handed().token().expose()))),
            ))
        }
        ["store", _] => {
            // It sends the token first, and takes a closed pipe for a failure of its own.
            call.input.all()?;
            let what = "tokenkeep requests tokens by itself and stores none that is given; nothing was stored";
            Err(Error::new(Code::Usage, what).into())
        }
        // Nothing was stored for it.
        ["forget", _] => Ok(Reply::silent()),
        _ => Err(malformed("usage: terraform-credentials-tokenkeep get|store|forget HOST").into()),
    }
}

/// Reads a host with an optional port, as Terraform writes it.
fn server(host: &str) -> Result<Target, Error> {
    let is_host = !host.contains(['/', '?', '#', '@']);
    let target = is_host.then(|| Target::parse(host).ok()).flatten();
    target.ok_or_else(|| malformed("the client named no host"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_a_name_with_an_optional_port() {
        for host in ["app.example.com", "app.example.com:8443", "xn--bcher-kva.example", "localhost:5000"] {
            assert_eq!(server(host).expect("a host").to_string(), host);
        }
        for host in ["", "https://app.example.com", "app.example.com/x", "a@b.example.com", "a\nb", "a b"] {
            assert!(server(host).is_err(), "{host}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_host_or_an_error(host in "\\PC{0,40}") {
            if let Ok(target) = server(&host) {
                prop_assert_eq!(target.depth(), 0);
            }
        }
    }
}
