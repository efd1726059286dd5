//! Private keys in every form, by OpenSSL as Node.js has it.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::common::TestEnvironment;
use crate::common::peer::asked;

pub(crate) const PASSPHRASE: &str = "CANARY-PASSPHRASE-of-the-key";

/// The key of a kind, such as `rsa`, in a form, such as `pkcs8`; a JWK as its text.
pub(crate) fn private(kind: &str, form: &str) -> String {
    match &all()[kind][form] {
        Value::String(pem) => pem.clone(),
        jwk => jwk.to_string(),
    }
}

/// A private JWK with further members.
pub(crate) fn jwk(kind: &str, members: &[(&str, &str)]) -> String {
    let mut jwk = all()[kind]["jwk"].clone();
    for (name, value) in members {
        jwk[name] = json!(value);
    }
    jwk.to_string()
}

/// The public half as a set, for whoever registers the client.
pub(crate) fn public(kind: &str) -> Value {
    json!({ "keys": [all()[kind]["public"]] })
}

/// Makes canaries of everything in a key that is private, in all its forms.
pub(crate) fn hide(environment: &TestEnvironment, kind: &str) {
    let key = &all()[kind];
    for part in ["d", "p", "q", "dp", "dq", "qi"] {
        if let Some(text) = key["jwk"][part].as_str() {
            let bytes = URL_SAFE_NO_PAD.decode(text).expect("a JWK is in Base64url");
            environment.canary(&format!("{part} of a private {kind} key"), bytes);
        }
    }
    for form in ["pkcs8", "pkcs1", "sec1", "encrypted"] {
        let lines = key[form].as_str().unwrap_or_default().lines();
        for line in lines.filter(|line| !line.starts_with('-') && line.len() > 32) {
            environment.canary(&format!("a line of a private {kind} key"), line);
        }
    }
}

fn all() -> &'static Value {
    static KEYS: OnceLock<Value> = OnceLock::new();
    KEYS.get_or_init(|| asked("keys.mjs", &json!({ "passphrase": PASSPHRASE })))
}
