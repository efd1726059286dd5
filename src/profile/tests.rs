use super::*;
use chrono::DateTime;

use super::binding::tests::sample;

fn name() -> ProfileName {
    ProfileName::parse("billing").expect("a name")
}

fn parse(text: &str) -> Result<ProfileFile, ProfileError> {
    ProfileFile::parse(text.as_bytes().to_vec())
}

#[test]
fn spotify_needs_only_a_client_id() {
    let profile =
        parse("provider = 'spotify'\nclient_id = 'x'").and_then(|file| file.resolve(&name())).expect("a profile");
    assert_eq!(profile.token_url.as_str(), "https://accounts.spotify.com/api/token");
}

#[test]
fn what_is_rendered_is_read_back() {
    let mut file = parse(
        "client_id = 'x'\ntoken_url = 'https://a.example/t'\nscopes = ['b', 'a']\nparams = { p = '1' }\n\
         headers = { x = 'v', 'Y.z' = { file = '/run/y' }, z = { env = 'Z' } }",
    )
    .expect("a profile");
    file.binding = Some(sample());
    file.min_ttl = Some(Duration::from_secs(90));
    file.set_at = DateTime::from_timestamp(1_800_000_000, 0);
    file.kept_in = Some("/home/u/.local/share/tokenkeep".into());
    let text = file.render(None).expect("rendered");
    assert_eq!(parse(&text), Ok(file));
}

#[test]
fn comments_and_order_are_kept() {
    let present = "# mine\nclient_id = 'x' # the app\nscopes = [ 'a',\n  'b' ]\n";
    let mut file = parse(present).expect("a profile");
    file.client_id = Some("y".to_owned());
    let text = file.render(Some(present.as_bytes().to_vec())).expect("rendered");
    assert_eq!(text, "# mine\nclient_id = \"y\" # the app\nscopes = [ 'a',\n  'b' ]\n");
}

#[test]
fn a_file_that_names_another_place_than_its_binding_is_refused() {
    let mut file = ProfileFile { binding: Some(sample()), ..ProfileFile::default() };
    assert!(file.resolve(&name()).is_ok());
    file.token_url = Endpoint::parse("https://evil.example/token").ok();
    assert_eq!(file.resolve(&name()), Err(ProfileError::BindingDiffers("token_url")));
}

#[test]
fn a_preset_that_changes_later_does_not_move_a_bound_profile() {
    let file = ProfileFile { binding: Some(sample()), provider: Some("spotify".to_owned()), ..ProfileFile::default() };
    assert_eq!(file.resolve(&name()).expect("a profile").token_url, sample().token_url);
}

#[test]
fn an_error_names_the_key_and_quotes_no_value() {
    for text in [
        "token_url = 'http://hunter2.example/'",
        "token_url = 'hunter2'",
        "auth = 'hunter2'",
        "provider = 'hunter2'",
        "scopes = ['hunter2\\u0000']",
        "min_ttl = 'hunter2'",
        "ca_file = 'hunter2'",
        "secret = { file = 'hunter2' }",
        "secret = 'hunter2'",
        "params = { scope = 'hunter2' }",
        "headers = 'hunter2'",
        "headers = { x = ['hunter2'] }",
        "headers = { x = { value = 'hunter2' } }",
        "headers = { x = { hunter2 = '/a' } }",
        "headers = { x = { file = 'hunter2' } }",
        "headers = { x = { file = '/a', env = 'hunter2' } }",
        "headers = { 'hunter2 ' = 'a' }",
        "headers = { x = \"hunter2\\n\" }",
        "headers = { authorization = 'hunter2' }",
        "[binding]\ngeneration = 'hunter2'",
    ] {
        let error = parse(text).expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_secret_is_stored_or_referenced_never_both() {
    let file = ProfileFile { binding: Some(sample()), ..ProfileFile::default() };
    let text = format!("secret = {{ env = 'X' }}\n{}", file.render(None).expect("rendered"));
    assert!(parse(&text).is_err());
}

#[test]
fn a_profile_that_was_set_for_proofs_gets_them_whatever_its_file_leaves_out() {
    let bound = Binding { token_binding: TokenBinding::Dpop, ..sample() };
    let file = ProfileFile { binding: Some(bound), ..ProfileFile::default() };
    assert_eq!(file.resolve(&name()).expect("a profile").token_binding, TokenBinding::Dpop);
    let edited = ProfileFile { dpop: Some(false), ..file };
    assert_eq!(edited.resolve(&name()), Err(ProfileError::BindingDiffers("dpop")));
}

#[test]
fn a_credential_of_a_job_is_an_assertion_and_no_password() {
    let text = "client_id = 'x'\ntoken_url = 'https://a.example/t'\nsecret = { github_actions = 'a' }\n";
    assert!(matches!(parse(text).expect("a profile").resolve(&name()), Err(ProfileError::Contradiction(_))));
    let text = format!("auth = 'federated_assertion'\n{text}");
    assert!(parse(&text).expect("a profile").resolve(&name()).is_ok());
}
