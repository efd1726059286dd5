//! The examples of RFC 7515 appendix A and RFC 8037 appendix A, and other texts that a user may take for a key.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::encoding::base64url::encoded;

pub(in crate::oauth) const RSA: &str = include_str!("../../../tests/vectors/rfc7515-a2.jwk");
pub(in crate::oauth) const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
pub(in crate::oauth) const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// The claims that all examples of RFC 7515 sign.
const JOE: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn key(text: &str, wanted: Option<AssertionAlgorithm>) -> SigningKey {
    SigningKey::private(&Secret::from(text), wanted).unwrap_or_else(|_| panic!("a key"))
}

fn refused(text: &str, wanted: Option<AssertionAlgorithm>) -> String {
    let Err(error) = SigningKey::private(&Secret::from(text), wanted) else { panic!("it was taken for a key") };
    assert!(matches!(error, IssuerError::Credential(_)), "{error:?}");
    format!("{error}\n{error:?}")
}

fn signature(key: &SigningKey, message: &str) -> Vec<u8> {
    key.sign(message.as_bytes()).expect("it signs")
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn without(jwk: &str, member: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(jwk).expect("JSON");
    value.as_object_mut().expect("an object").remove(member).expect("it has that");
    value.to_string()
}

fn with(jwk: &str, member: &str, new: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(jwk).expect("JSON");
    value[member] = new.into();
    value.to_string()
}

#[test]
fn rfc_7515_a1_hs256() {
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = SigningKey::shared(&Secret::new(decoded(secret).expect("Base64")));
    let signed = signature(&key, &format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}"));
    assert_eq!(encoded(&signed), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(key.algorithm_name(), "HS256");
}

#[test]
fn rfc_7515_a2_rs256() {
    let key = key(RSA, None);
    let wanted = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9\
        uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383Lc\
        OLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB\
        p0igcN_IoypGlUPQGe77Rw";
    assert_eq!(encoded(&signature(&key, &format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"))), wanted);
    assert_eq!(key.algorithm_name(), "RS256");
}

#[test]
fn rfc_7515_a3_es256() {
    let key = key(EC, None);
    let (x, y) = key.p256_point().expect("a point");
    assert_eq!(encoded(x), "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    assert_eq!(encoded(y), "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let message = format!("eyJhbGciOiJFUzI1NiJ9.{JOE}");
    let point = [&[4], x, y].concat();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
    // Each signature is another, and both forms that a DER reader would take are absent: 64 bytes.
    let (one, other) = (signature(&key, &message), signature(&key, &message));
    assert!(one != other && one.len() == 64 && other.len() == 64);
    assert!(public.verify(message.as_bytes(), &one).is_ok() && public.verify(message.as_bytes(), &other).is_ok());
    let of_the_rfc = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(public.verify(message.as_bytes(), &decoded(of_the_rfc).expect("Base64")).is_ok());
}

#[test]
fn rfc_8037_a4_eddsa() {
    let key = key(ED, None);
    let wanted = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(encoded(&signature(&key, message)), wanted);
    assert_eq!(key.algorithm_name(), "EdDSA");
}

#[test]
fn an_rsa_key_signs_with_either_padding_and_its_own_wish_yields_to_the_profile() {
    let (rs, ps) = (AssertionAlgorithm::Rs256, AssertionAlgorithm::Ps256);
    let own = |alg: &str| with(RSA, "alg", alg);
    for (text, wanted, got) in [
        (RSA.to_owned(), None, rs),
        (RSA.to_owned(), Some(ps), ps),
        (own("PS256"), None, ps),
        (own("PS256"), Some(rs), rs),
        (own("RS256"), Some(ps), ps),
        (own("RSA-OAEP"), None, rs),
    ] {
        let key = key(&text, wanted);
        assert_eq!(key.algorithm_name(), got.name());
        let component = |name: &str| {
            let jwk: serde_json::Value = serde_json::from_str(RSA).expect("JSON");
            decoded(jwk[name].as_str().expect("text")).expect("Base64")
        };
        let public = RsaPublicKeyComponents { n: component("n"), e: component("e") };
        let holds = |padding| public.verify(padding, b"message", &signature(&key, "message")).is_ok();
        assert_eq!(holds(&RSA_PKCS1_2048_8192_SHA256), got == rs);
        assert_eq!(holds(&RSA_PSS_2048_8192_SHA256), got == ps);
    }
}

#[test]
fn a_key_of_another_kind_than_the_profile_wants_is_refused() {
    use AssertionAlgorithm::{EdDsa, Es256, Ps256, Rs256};
    for (text, wanted) in [(RSA, Es256), (RSA, EdDsa), (EC, Rs256), (EC, Ps256), (EC, EdDsa), (ED, Es256), (ED, Rs256)]
    {
        assert!(refused(text, Some(wanted)).contains("assertion_algorithm"), "{wanted:?}");
    }
    assert_eq!(key(EC, Some(Es256)).algorithm_name(), "ES256");
    assert_eq!(key(ED, Some(EdDsa)).algorithm_name(), "EdDSA");
}

#[test]
fn every_form_of_pem_is_read_and_says_which_kind_it_is() {
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let ed = Ed25519KeyPair::generate().expect("a key");
    let rsa = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa).expect("DER");
    let ec8 = ec.to_pkcs8v1().expect("DER");
    let ec1 = AsDer::<aws_lc_rs::encoding::EcPrivateKeyRfc5915Der<'_>>::as_der(&ec.private_key()).expect("DER");
    let (ed1, ed2) = (ed.to_pkcs8v1().expect("DER"), ed.to_pkcs8().expect("DER"));
    for (text, algorithm) in [
        (pem("PRIVATE KEY", rsa.as_ref()), "RS256"),
        // PKCS #1 is what stands inside the PKCS #8 of an RSA key, behind its 26 bytes.
        (pem("RSA PRIVATE KEY", &rsa.as_ref()[26..]), "RS256"),
        (pem("PRIVATE KEY", ec8.as_ref()), "ES256"),
        (pem("EC PRIVATE KEY", ec1.as_ref()), "ES256"),
        (pem("PRIVATE KEY", ed1.as_ref()), "EdDSA"),
        (pem("PRIVATE KEY", ed2.as_ref()), "EdDSA"),
        (format!("\u{feff}subject: a comment\n\n{}", pem("PRIVATE KEY", ec8.as_ref())), "ES256"),
        (pem("PRIVATE KEY", ec8.as_ref()).replace('\n', "\r\n"), "ES256"),
    ] {
        let key = key(&text, None);
        assert_eq!(key.algorithm_name(), algorithm);
        assert_eq!(key.key_id(), None);
        signature(&key, "message");
    }
}

#[test]
fn what_is_no_key_is_refused_and_never_quoted() {
    let marker = "CANARYCANARY";
    let texts = [
        String::new(),
        marker.to_owned(),
        format!("{{\"kty\":\"{marker}\"}}"),
        format!("{{\"kty\":\"RSA\",\"n\":\"{marker}\"}}"),
        format!("[\"RSA\",\"{marker}\"]"),
        format!("{{\"kty\":\"oct\",\"k\":\"{marker}\"}}"),
        format!("{{{marker}"),
        pem("PRIVATE KEY", marker.as_bytes()),
        pem("PUBLIC KEY", marker.as_bytes()),
        pem("ENCRYPTED PRIVATE KEY", marker.as_bytes()),
        format!("-----BEGIN PRIVATE KEY-----\n{marker}!!\n-----END PRIVATE KEY-----\n"),
        format!("-----BEGIN PRIVATE KEY-----\n{marker}"),
        with(EC, "crv", "P-384"),
        with(EC, "d", marker),
        with(ED, "d", marker),
        with(RSA, "q", marker),
        // Halves of two keys.
        with(ED, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        with(EC, "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        // Twice the same member: it is unclear which is meant.
        EC.replacen('{', r#"{"kty":"EC","#, 1),
    ];
    for text in texts {
        assert!(!refused(&text, None).contains(marker), "it is quoted");
    }
    for (jwk, members) in
        [(RSA, &["n", "e", "d", "p", "q", "dp", "dq", "qi"][..]), (EC, &["x", "y", "d"]), (ED, &["x", "d"])]
    {
        for member in members {
            refused(&without(jwk, member), None);
        }
    }
    assert!(SigningKey::private(&Secret::new(vec![0xff, 0xfe]), None).is_err(), "no text");
}

#[test]
fn a_jwk_brings_its_name() {
    assert_eq!(key(&with(EC, "kid", "k/1"), None).key_id(), Some("k/1"));
    assert_eq!(key(EC, None).key_id(), None);
}

proptest! {
    #[test]
    fn any_text_is_a_key_or_refused_without_a_panic(text in ".{0,200}") {
        let _ = SigningKey::private(&Secret::from(text.as_str()), None);
    }

    #[test]
    fn any_der_in_a_pem_is_a_key_or_refused(
        der in prop::collection::vec(any::<u8>(), 0..200),
        label in prop::sample::select(vec!["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]),
    ) {
        let _ = SigningKey::private(&Secret::from(pem(label, &der).as_str()), None);
    }

    #[test]
    fn any_value_in_a_member_of_a_jwk_is_a_key_or_refused(
        of in prop::sample::select(vec![RSA, EC, ED]),
        member in prop::sample::select(vec!["kty", "crv", "alg", "kid", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi"]),
        value in "[A-Za-z0-9_-]{0,50}",
    ) {
        if let Ok(key) = SigningKey::private(&Secret::from(with(of, member, &value).as_str()), None) {
            prop_assert!(!signature(&key, "message").is_empty());
        }
    }
}
