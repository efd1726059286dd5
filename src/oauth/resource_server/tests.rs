use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::http::Roots;
use super::super::jwt::signed;
use super::super::signing_key::SigningKey;
use super::super::signing_key::tests::{EC, ED, RSA};
use super::*;
use crate::encoding::base64url::encoded;
use crate::system::clock::{ManualClock, WallTime};
use crate::system::secret::Secret;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";

const ALL: [(AssertionAlgorithm, &str); 4] = [
    (AssertionAlgorithm::Rs256, RSA),
    (AssertionAlgorithm::Ps256, RSA),
    (AssertionAlgorithm::Es256, EC),
    (AssertionAlgorithm::EdDsa, ED),
];

fn server() -> ResourceServer {
    let url = Endpoint::parse("http://127.0.0.1:1/keys").expect("a URL");
    ResourceServer::new(url, ISSUER.to_owned(), AUDIENCE.to_owned())
}

/// The public half of a private JWK, with more members.
fn public(jwk: &str, more: &Value) -> Value {
    let mut jwk: Value = serde_json::from_str(jwk).expect("JSON");
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut().expect("an object").remove(private);
    }
    for (name, value) in more.as_object().expect("an object") {
        jwk[name] = value.clone();
    }
    jwk
}

fn key_set(keys: &[Value]) -> Vec<Jwk> {
    keys_of(json!({ "keys": keys }).to_string().as_bytes()).expect("a set of keys")
}

fn keys_of(body: &[u8]) -> Option<Vec<Jwk>> {
    super::keys(body)
}

fn key(jwk: &str, algorithm: AssertionAlgorithm) -> SigningKey {
    SigningKey::private(&Secret::from(jwk), Some(algorithm)).unwrap_or_else(|_| panic!("a key"))
}

fn header(algorithm: AssertionAlgorithm) -> Value {
    json!({ "alg": algorithm.name(), "typ": "at+jwt", "kid": "k" })
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 600, "sub": "c", "client_id": "c", "iat": NOW, "jti": "1" })
}

fn changed(mut value: Value, name: &str, to: Value) -> Value {
    match to {
        Value::Null => drop(value.as_object_mut().expect("an object").remove(name)),
        to => value[name] = to,
    }
    value
}

/// A token of the EC key with these parts.
fn token(header: &Value, claims: &Value) -> String {
    signed(header, claims, &key(EC, AssertionAlgorithm::Es256)).expect("signed").to_string()
}

fn judged(token: &str, keys: &[Jwk]) -> Result<(), Rejected> {
    let parsed = Parsed::new(token)?;
    parsed.verify(keys)?;
    server().claims(&parsed, NOW)
}

/// Judges by the EC key only.
fn judged_by_ec(token: &str) -> Result<(), Rejected> {
    judged(token, &key_set(&[public(EC, &json!({ "kid": "k" }))]))
}

fn with_header(name: &str, to: Value) -> Result<(), Rejected> {
    judged_by_ec(&token(&changed(header(AssertionAlgorithm::Es256), name, to), &claims()))
}

fn with_claim(name: &str, to: Value) -> Result<(), Rejected> {
    judged_by_ec(&token(&header(AssertionAlgorithm::Es256), &changed(claims(), name, to)))
}

#[test]
fn every_algorithm_that_is_taken_passes_with_its_key_and_with_no_other() {
    for (algorithm, jwk) in ALL {
        let token = signed(&header(algorithm), &claims(), &key(jwk, algorithm)).expect("signed");
        for (other, of_other) in ALL {
            let keys = key_set(&[public(of_other, &json!({ "kid": "k", "alg": other.name() }))]);
            let wanted = if other == algorithm { Ok(()) } else { Err(Rejected::UnknownKey) };
            assert_eq!(judged(&token, &keys), wanted, "{algorithm:?} by a key for {other:?}");
        }
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let mut bytes = decoded(signature).expect("Base64");
        bytes[7] ^= 1;
        let keys = key_set(&[public(jwk, &json!({}))]);
        let forged = format!("{message}.{}", encoded(&bytes));
        assert_eq!(judged(&forged, &keys), Err(Rejected::UnknownKey), "a key without the name that the token gives");
        let keys = key_set(&[public(jwk, &json!({ "kid": "k" }))]);
        assert_eq!(judged(&forged, &keys), Err(Rejected::Signature), "{algorithm:?}");
        for broken in [String::new(), encoded(&bytes[1..]), encoded(&[0; 64])] {
            assert_eq!(judged(&format!("{message}.{broken}"), &keys), Err(Rejected::Signature), "{algorithm:?}");
        }
    }
}

#[test]
fn a_token_without_a_signature_or_with_a_shared_secret_is_refused() {
    let rsa = key_set(&[public(RSA, &json!({ "kid": "k" }))]);
    for alg in ["none", "None", "nOnE", "", "HS256", "HS384", "RS384", "RS1", "ES256K", "rs256"] {
        let header = changed(header(AssertionAlgorithm::Rs256), "alg", json!(alg));
        let message =
            format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims().to_string().as_bytes()));
        for signature in ["", "AAAA"] {
            assert_eq!(judged(&format!("{message}.{signature}"), &rsa), Err(Rejected::Algorithm), "{alg}");
        }
    }
    // The public key as the secret of a MAC, in each form that a careless library takes.
    let modulus = public(RSA, &json!({}));
    for secret in [modulus["n"].as_str().expect("text").to_owned(), modulus.to_string()] {
        let header = changed(header(AssertionAlgorithm::Rs256), "alg", json!("HS256"));
        let token = signed(&header, &claims(), &SigningKey::shared(&Secret::from(secret.as_str()))).expect("signed");
        assert_eq!(judged(&token, &rsa), Err(Rejected::Algorithm));
        // Nor under the name of an algorithm that is taken.
        let header = changed(header, "alg", json!("RS256"));
        let token = signed(&header, &claims(), &SigningKey::shared(&Secret::from(secret.as_str()))).expect("signed");
        assert_eq!(judged(&token, &rsa), Err(Rejected::Signature));
    }
    let oct = key_set(&[json!({ "kty": "oct", "kid": "k", "k": "AAAA" })]);
    assert_eq!(judged(&token(&header(AssertionAlgorithm::Es256), &claims()), &oct), Err(Rejected::UnknownKey));
}

#[test]
fn the_type_says_that_it_is_an_access_token() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(with_header("typ", json!(typ)), Ok(()), "{typ}");
    }
    for typ in ["JWT", "", "at+jwtx", "text/at+jwt", "client-authentication+jwt", "dpop+jwt"] {
        assert_eq!(with_header("typ", json!(typ)), Err(Rejected::Type), "{typ}");
    }
    assert_eq!(with_header("typ", Value::Null), Err(Rejected::Type));
    assert_eq!(with_header("typ", json!(["at+jwt"])), Err(Rejected::NotJwt));
}

#[test]
fn every_claim_that_decides_has_to_be_there_and_right() {
    assert_eq!(with_claim("x", json!({ "y": [1] })), Ok(()));
    for iss in [Value::Null, json!("https://issuer.example/"), json!("https://evil.example"), json!("")] {
        assert_eq!(with_claim("iss", iss.clone()), Err(Rejected::Issuer), "{iss}");
    }
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE, 7])] {
        assert_eq!(with_claim("aud", aud), Ok(()));
    }
    let other = format!("{AUDIENCE}/");
    for aud in
        [Value::Null, json!(""), json!([]), json!([[AUDIENCE]]), json!(other), json!({ "a": AUDIENCE }), json!(true)]
    {
        assert_eq!(with_claim("aud", aud.clone()), Err(Rejected::Audience), "{aud}");
    }
    for (exp, wanted) in [
        (json!(NOW + 1), Ok(())),
        (json!(NOW as f64 + 0.5), Ok(())),
        (json!(NOW), Err(Rejected::Expired)),
        (json!(NOW - 1), Err(Rejected::Expired)),
        (json!(-1), Err(Rejected::Expired)),
        (Value::Null, Err(Rejected::Expired)),
        (json!((NOW + 60).to_string()), Err(Rejected::NotJwt)),
        (json!([NOW + 60]), Err(Rejected::NotJwt)),
    ] {
        assert_eq!(with_claim("exp", exp.clone()), wanted, "{exp}");
    }
    for (nbf, wanted) in [
        (json!(NOW), Ok(())),
        (Value::Null, Ok(())),
        (json!(NOW + 1), Err(Rejected::NotYet)),
        (json!("soon"), Err(Rejected::NotJwt)),
    ] {
        assert_eq!(with_claim("nbf", nbf.clone()), wanted, "{nbf}");
    }
}

#[test]
fn what_a_token_says_must_be_understood_is_not_understood() {
    for crit in [json!(["exp"]), json!([]), json!("x"), json!(["b64"]), json!(false)] {
        assert_eq!(with_header("crit", crit.clone()), Err(Rejected::Critical), "{crit}");
    }
}

#[test]
fn a_token_names_a_key_of_the_issuer_and_brings_none() {
    // The name is compared, not opened or followed.
    for kid in ["../../../../dev/null", "/dev/null", "https://evil.example/keys", "' OR 1=1", "", "K", "k\0"] {
        assert_eq!(with_header("kid", json!(kid)), Err(Rejected::UnknownKey), "{kid}");
    }
    assert_eq!(with_header("kid", json!(7)), Err(Rejected::NotJwt));
    assert_eq!(with_header("kid", Value::Null), Ok(()), "without a name every key of the kind is tried");
    // A key that the token brings itself is not used, wherever it lies.
    let mallory = SigningKey::p256(SigningKey::new_p256().expect("a key").expose()).unwrap_or_else(|_| panic!("a key"));
    let (x, y) = mallory.p256_point().expect("a point");
    let own = json!({ "kty": "EC", "crv": "P-256", "x": encoded(x), "y": encoded(y), "kid": "k" });
    for (name, value) in [
        ("jwk", own.clone()),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["MIIB"])),
    ] {
        let header = changed(header(AssertionAlgorithm::Es256), name, value.clone());
        let forged = signed(&header, &claims(), &mallory).expect("signed");
        assert_eq!(judged_by_ec(&forged), Err(Rejected::Signature), "{name}");
        assert_eq!(with_header(name, value), Ok(()), "{name}: it is not looked at");
    }
    // Two keys of one name: either may be the one.
    let both = key_set(&[own, public(EC, &json!({ "kid": "k" }))]);
    assert_eq!(judged(&token(&header(AssertionAlgorithm::Es256), &claims()), &both), Ok(()));
}

#[test]
fn a_key_for_something_else_or_of_another_kind_verifies_nothing() {
    let token = token(&header(AssertionAlgorithm::Es256), &claims());
    for more in [
        json!({ "kid": "k", "use": "enc" }),
        json!({ "kid": "k", "alg": "ECDH-ES" }),
        json!({ "kid": "k", "alg": "ES384" }),
        json!({ "kid": "k", "crv": "P-384" }),
        json!({ "kid": "k", "kty": "OKP" }),
        json!({ "kid": "k", "kty": "ec" }),
    ] {
        assert_eq!(judged(&token, &key_set(&[public(EC, &more)])), Err(Rejected::UnknownKey), "{more}");
    }
    for more in [json!({ "x": "AAAA" }), json!({ "y": "!" }), json!({ "x": "" })] {
        let more = changed(more, "kid", json!("k"));
        assert_eq!(judged(&token, &key_set(&[public(EC, &more)])), Err(Rejected::Signature), "{more}");
    }
    // One that cannot be read does not hide the others.
    let good = public(EC, &json!({ "kid": "k", "use": "sig", "alg": "ES256" }));
    for odd in
        [json!(7), json!([]), json!({ "kid": "k" }), json!({ "kty": "AKP", "alg": "ML-DSA-44" }), json!({ "kty": [1] })]
    {
        assert_eq!(judged(&token, &key_set(&[odd, good.clone()])), Ok(()));
    }
}

#[test]
fn a_short_rsa_key_verifies_nothing() {
    // 512 bits.
    let short = json!({ "kty": "RSA", "kid": "k", "e": "AQAB", "n": encoded(&[0xc7; 64]) });
    let token =
        signed(&header(AssertionAlgorithm::Rs256), &claims(), &key(RSA, AssertionAlgorithm::Rs256)).expect("signed");
    assert_eq!(judged(&token, &key_set(&[short])), Err(Rejected::Signature));
}

#[test]
fn what_is_no_compact_jws_is_refused() {
    let good = token(&header(AssertionAlgorithm::Es256), &claims());
    let [head, body, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let array = encoded(br#"["ES256","at+jwt","k",null]"#);
    let padded = format!("{head}=");
    let standard = format!("{head}+");
    let twice = encoded(br#"{"alg":"ES256","alg":"ES256","typ":"at+jwt","kid":"k"}"#);
    for text in [
        "",
        ".",
        "..",
        "....",
        head,
        &format!("{head}.{body}"),
        &format!("{good}."),
        &format!(".{good}"),
        &format!("{good}.{signature}"),
        &format!("{padded}.{body}.{signature}"),
        &format!("{standard}.{body}.{signature}"),
        &format!("{array}.{body}.{signature}"),
        &format!("{twice}.{body}.{signature}"),
        &format!("{head} .{body}.{signature}"),
        &format!("{head}.{body}\n.{signature}"),
        &format!("{head}.{body}.{signature}\u{e4}"),
        r#"{"payload":"","signatures":[]}"#,
    ] {
        assert_eq!(judged_by_ec(text), Err(Rejected::NotJwt), "{text:?}");
    }
    // Claims that are signed and no object.
    for claims in [json!([ISSUER, AUDIENCE, NOW + 60]), json!("x"), json!(null)] {
        assert_eq!(
            judged_by_ec(&token(&header(AssertionAlgorithm::Es256), &claims)),
            Err(Rejected::NotJwt),
            "{claims}"
        );
    }
}

/// Serves key sets, one after the other, the last one again and again; counts the requests.
async fn serve(bodies: Vec<String>) -> (Endpoint, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    tokio::spawn(async move {
        loop {
            let Ok((mut tcp, _)) = listener.accept().await else { return };
            let _ = tcp.read(&mut [0; 4096]).await;
            let number = counter.fetch_add(1, Ordering::SeqCst).min(bodies.len() - 1);
            let body = &bodies[number];
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = tcp.write_all((head + body).as_bytes()).await;
        }
    });
    (Endpoint::parse(&url).expect("a URL"), asked)
}

#[tokio::test]
async fn an_unknown_key_leads_to_one_more_look_and_to_no_other_for_half_a_minute() {
    let clock = Arc::new(ManualClock::new(WallTime(NOW * 1_000_000_000)));
    let transport = Transport::new(clock.clone(), Duration::from_secs(10), Duration::from_secs(10));
    let old = json!({ "keys": [public(ED, &json!({ "kid": "old" }))] }).to_string();
    let new = json!({ "keys": [public(ED, &json!({ "kid": "old" })), public(EC, &json!({ "kid": "k" }))] }).to_string();
    let (url, asked) = serve(vec![old.clone(), old, new]).await;
    let server = ResourceServer::new(url, ISSUER.to_owned(), AUDIENCE.to_owned());
    let trust = Trust::from(Roots::System);
    let check = async |token: &str| server.check(&transport, &trust, token).await.expect("keys");

    let with = |jwk, algorithm, kid: &str| {
        let header = changed(header(algorithm), "kid", json!(kid));
        signed(&header, &claims(), &key(jwk, algorithm)).expect("signed").to_string()
    };
    let of_old = with(ED, AssertionAlgorithm::EdDsa, "old");
    let of_new = with(EC, AssertionAlgorithm::Es256, "k");
    assert_eq!(check(&of_old).await, Ok(()));
    assert_eq!(check(&of_old).await, Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "keys that are known are not asked for");
    for _ in 0..5 {
        assert_eq!(check(&of_new).await, Err(Rejected::UnknownKey));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "they have just been had");
    clock.advance(Duration::from_secs(29));
    assert_eq!(check(&of_new).await, Err(Rejected::UnknownKey));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        assert_eq!(check(&of_new).await, Err(Rejected::UnknownKey));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "one more look, and no other");
    clock.advance(Duration::from_secs(30));
    assert_eq!(check(&of_new).await, Ok(()), "the issuer has a new key");
    assert_eq!(check(&of_old).await, Ok(()));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // What is no token of the kind, or is not signed, never leads to a request.
    clock.advance(Duration::from_secs(30));
    for text in ["", "a.b.c", &of_new[..of_new.len() - 2]] {
        assert!(check(text).await.is_err(), "{text}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_is_no_set_of_keys_is_told_as_that() {
    let clock = Arc::new(ManualClock::new(WallTime(NOW * 1_000_000_000)));
    let transport = Transport::new(clock, Duration::from_secs(10), Duration::from_secs(10));
    let token = token(&header(AssertionAlgorithm::Es256), &claims());
    for body in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", "[[]]"] {
        let (url, _) = serve(vec![body.to_owned()]).await;
        let server = ResourceServer::new(url, ISSUER.to_owned(), AUDIENCE.to_owned());
        let checked = server.check(&transport, &Trust::from(Roots::System), &token).await;
        assert!(matches!(checked, Err(IssuerError::Malformed { status: Some(200), .. })), "{body}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic(text in "(.{0,60}|[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,4})") {
        prop_assert!(judged_by_ec(&text).is_err());
    }

    #[test]
    fn any_header_and_claims_are_judged_without_a_panic(header in "\\{.{0,80}\\}", claims in ".{0,80}", signature in ".{0,80}") {
        let part = |text: &str| encoded(text.as_bytes());
        let text = format!("{}.{}.{}", part(&header), part(&claims), part(&signature));
        prop_assert!(judged_by_ec(&text).is_err());
    }

    #[test]
    fn any_bytes_are_a_set_of_keys_or_none(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = keys_of(&body);
    }

    #[test]
    fn any_members_of_a_key_verify_nothing_and_break_nothing(
        of in prop::sample::select(vec![RSA, EC, ED]),
        member in prop::sample::select(vec!["x", "y", "n", "e", "crv", "kty"]),
        value in "[A-Za-z0-9_-]{0,90}",
    ) {
        let keys = key_set(&[public(of, &changed(json!({ "kid": "k" }), member, json!(value)))]);
        for (algorithm, jwk) in ALL {
            // The key that signs is another one than the one that is changed.
            if jwk != of {
                let token = signed(&header(algorithm), &claims(), &key(jwk, algorithm)).expect("signed");
                prop_assert!(judged(&token, &keys).is_err());
            }
        }
    }
}
