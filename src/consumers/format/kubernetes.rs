//! `kubernetes`: an ExecCredential, for kubectl and whatever else uses client-go.

use serde::Deserialize;

use super::json::quoted;
use crate::consumers::consumer::KUBERNETES;
use crate::consumers::handed::Handed;
use crate::error::{Code, Error};

/// The variable in which a client says which version it takes.
pub(crate) const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// The versions that are spoken; the first one if none is asked for.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// What is read of the variable.
#[derive(Deserialize)]
struct ExecInfo {
    #[serde(rename = "apiVersion")]
    api_version: String,
}

/// Writes the credential in the version that the client asked for.
pub(super) fn credential(handed: &Handed<'_>, exec_info: Option<&str>) -> Result<String, Error> {
    let version = version(exec_info)?;
    let token = quoted(handed.token().expose());
    let end = handed.reported_end(&KUBERNETES).to_utc();
    let end = end.map(|end| format!(",\"expirationTimestamp\":\"{end}\"")).unwrap_or_default();
    let kind = "\"kind\":\"ExecCredential\"";
    Ok(format!("{{\"apiVersion\":\"{version}\",{kind},\"status\":{{\"token\":{}{end}}}}}\n", *token))
}

/// Returns the version that a client asked for. A person asks for none.
pub(super) fn version(exec_info: Option<&str>) -> Result<&'static str, Error> {
    let Some(exec_info) = exec_info.filter(|info| !info.is_empty()) else { return Ok(VERSIONS[0]) };
    let usage = |what: &str| Error::new(Code::Usage, format!("{EXEC_INFO} {what}"));
    let asked: ExecInfo = serde_json::from_str(exec_info)
        .map_err(|_| usage("is not the JSON of an ExecCredential with an apiVersion"))?;
    let known = VERSIONS.into_iter().find(|version| *version == asked.api_version);
    known.ok_or_else(|| usage(&format!("asks for another version than {}", VERSIONS.join(" and "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_was_asked_for() {
        let asked = |version: &str| format!(r#"{{"apiVersion":"client.authentication.k8s.io/{version}","spec":{{}}}}"#);
        assert_eq!(version(None).expect("a person"), VERSIONS[0]);
        assert_eq!(version(Some("")).expect("a person"), VERSIONS[0]);
        assert_eq!(version(Some(&asked("v1"))).expect("known"), VERSIONS[0]);
        assert_eq!(version(Some(&asked("v1beta1"))).expect("known"), VERSIONS[1]);
        for unknown in [&asked("v1alpha1"), "{}", "[]", "x", r#"{"apiVersion":1}"#] {
            assert_eq!(version(Some(unknown)).expect_err("unknown").code(), Code::Usage, "{unknown}");
        }
    }
}
