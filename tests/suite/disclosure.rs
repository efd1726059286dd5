//! No secret, token or body gets out: not by a panic, a log, an error, an answer that echoes, or the process table.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET, EchoFormat, TOKEN_PREFIX};
use crate::common::{Invocation, Issuer, TestEnvironment};
use crate::setup::{
    PROFILE, assert_refused, credential, credential_and_token, forget, get, get_json, init, set_credential,
};

/// Every diagnostic there is, in both ways of asking for it.
fn talkative(run: Invocation) -> Invocation {
    run.arg("-vvv").env("TOKENKEEP_LOG", "trace").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full")
}

#[test]
fn a_panic_with_secrets_in_memory_tells_its_place_and_nothing_else() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--probe-url", &issuer.api_url()]);
    let mut panics = 0;
    // What std and tokio panic over: randomness, the event queue, the signal pipe.
    for call in ["/^getrandom$", "/^epoll_p?wait", "/^socketpair$"] {
        for occurrence in 1..=8 {
            let fault = format!("inject={call}:error=EFAULT:when={occurrence}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &fault];
            for json in [false, true] {
                let options = if json { &["--json"][..] } else { &[] };
                let run = talkative(environment.tokenkeep(options).args(["token", "get", "--refresh"]));
                let outcome = run.under(strace).prints_token().run();
                if !outcome.stderr.contains("a bug in tokenkeep at ") {
                    continue;
                }
                panics += 1;
                let outcome = outcome.exits(1);
                assert!(outcome.stdout.is_empty(), "{fault}");
                let traced = outcome.stderr.lines().any(|line| line.trim_start().starts_with("0: "));
                assert!(traced, "{fault}: the backtrace was asked for: {outcome:?}");
                if json {
                    let error = outcome.error();
                    assert_eq!((&error["code"], &error["retryable"]), (&json!("internal"), &json!(false)));
                }
            }
        }
    }
    assert!(panics > 0, "nothing panicked: this shows nothing");
    // Nothing that is stored suffered.
    get(&environment).run().success().token();
}

#[test]
fn the_main_job_tells_nothing_at_the_highest_level_of_diagnostics() {
    let issuer = Issuer::start();
    let environment = TestEnvironment::new();
    let run = |arguments: &[&str]| talkative(environment.tokenkeep(arguments)).stdin(CLIENT_SECRET).prints_token();
    let (token_url, api_url) = (issuer.token_url(), issuer.api_url());
    let set = ["credentials", "set", "--client-id", CLIENT_ID, "--token-url", &token_url, "--probe-url", &api_url];
    run(&["init", "--backend", "file"]).run().success();
    for options in [&["--secret-stdin", "--verify"][..], &["--secret-stdin"], &["--secret-stdin", "--replace"]] {
        run(&[&set, options].concat()).run().success();
    }
    let mut said = String::new();
    for command in [
        &["token", "get"][..],
        &["token", "get"],
        &["token", "get", "--refresh", "--scope", "a b"],
        &["--json", "token", "get"],
        &["token", "validate"],
        &["token", "list"],
        &["credentials", "list"],
        &["credentials", "show"],
        &["--json", "credentials", "show"],
        &["token", "forget"],
        &["token", "forget", "--all"],
        &["credentials", "remove", "-p", "default", "--yes"],
    ] {
        said += &run(command).run().success().stderr;
    }
    // The log was really on.
    assert!(said.contains("INFO") && said.contains("asking the issuer for a token"), "{said}");
}

#[test]
fn failures_tell_nothing_at_the_highest_level_of_diagnostics() {
    let issuer = Issuer::start();
    let environment = credential_and_token(&issuer, &["--probe-url", &issuer.api_url()]);
    for behaviour in [
        Behaviour::Echo { status: 500, format: EchoFormat::Json },
        Behaviour::Echo { status: 400, format: EchoFormat::Html },
        Behaviour::Redirect { status: 307, location: format!("https://issuer.invalid/?s={CLIENT_SECRET}") },
        Behaviour::Reset,
        Behaviour::GzipBomb,
        Behaviour::Raw { bytes: format!("HTTP/1.1 200 OK\r\n{CLIENT_SECRET}\r\n\r\n").into() },
        Behaviour::Raw { bytes: format!("HTTP/1.1 200 OK\r\nDate: {CLIENT_SECRET}\r\n\r\n{{}}").into() },
        Behaviour::Raw {
            bytes: format!("HTTP/1.1 429 {CLIENT_SECRET}\r\nRetry-After: {CLIENT_SECRET}\r\n\r\n").into(),
        },
    ] {
        issuer.behave("/token", behaviour.clone());
        issuer.behave("/api", behaviour);
        assert!(talkative(get_json(&environment)).arg("--refresh").run().code != 0);
        // The same credential again erases refusals and leaves tokens.
        set_credential(&environment, &issuer.token_url(), &["--probe-url", &issuer.api_url()]).run().success();
        let validated = talkative(environment.tokenkeep(["--json", "token", "validate"])).run();
        assert!([0, 12].contains(&validated.code), "{validated:?}");
    }
}

#[test]
fn an_answer_with_a_member_of_the_wrong_type_is_never_quoted() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let canary = format!("{TOKEN_PREFIX}wrong-type");
    let wrong = [
        json!([canary]),
        json!([[canary]]),
        json!({ &canary: canary }),
        json!([{ "a": canary }, 1.5e300]),
        json!(true),
        json!(12345678901234567890_u64),
        json!(null),
    ];
    for member in ["access_token", "token_type", "expires_in", "scope", "error", "error_description", "error_uri"] {
        for value in &wrong {
            for status in [200, 400, 401] {
                let mut answer = json!({ "access_token": canary, "token_type": "Bearer", "expires_in": 60 });
                answer[member] = value.clone();
                answer_once(&issuer, status, answer.to_string());
                let outcome = talkative(get_json(&environment)).arg("--refresh").run();
                assert!([0, 4, 7].contains(&outcome.code), "{member} {status}: {outcome:?}");
                environment.tokenkeep(["token", "forget", "--all"]).run().success();
            }
        }
    }
    // A text in place of a type or lifetime is not quoted either.
    for member in ["token_type", "expires_in"] {
        let mut answer = json!({ "access_token": canary, "token_type": "Bearer", "expires_in": 60 });
        answer[member] = json!(canary);
        answer_once(&issuer, 200, answer.to_string());
        assert!([0, 7].contains(&talkative(get_json(&environment)).arg("--refresh").run().code));
        forget(&environment);
    }
}

#[test]
fn a_cut_or_broken_answer_is_never_quoted() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let whole =
        format!(r#"{{"access_token":"{TOKEN_PREFIX}in-a-broken-answer","token_type":"Bearer","expires_in":60}}"#);
    let cut = (0..whole.len()).map(|length| whole[..length].to_owned());
    let broken = [
        whole.replace('{', "{{"),
        whole.replace(',', ""),
        whole.replace('"', "'"),
        whole.replace("60", "060"),
        whole.replace("60", "NaN"),
        whole.replace("in-a", "in\u{1}a"),
        whole.replace("in-a", r"in\xa"),
        format!("{whole}{whole}"),
        format!("//{TOKEN_PREFIX}comment\n{whole}"),
        whole.replace('}', ",}"),
        format!("access_token={TOKEN_PREFIX}form&token_type=bearer"),
        format!("<html>{TOKEN_PREFIX}html</html>"),
        TOKEN_PREFIX.to_owned(),
        format!("\"{TOKEN_PREFIX}\""),
    ];
    for body in cut.chain(broken) {
        answer_once(&issuer, 200, body);
        assert_refused(talkative(get_json(&environment)).run(), "broken", 7, "response_malformed");
        forget(&environment);
    }
    get(&environment).run().success().token();
}

/// How the credential travels, with the options that choose it.
const WAYS: [&[&str]; 3] = [
    &["--auth", "client_secret_basic"],
    &["--auth", "client_secret_basic", "--basic-encoding", "raw"],
    &["--auth", "client_secret_post"],
];

#[test]
fn an_issuer_that_echoes_what_it_was_sent_is_not_repeated() {
    let issuer = Issuer::start();
    for way in WAYS {
        for status in [200, 400, 401, 403, 404, 429, 500] {
            for format in [EchoFormat::Json, EchoFormat::Html] {
                let environment = credential(&issuer, way);
                issuer.behave("/token", Behaviour::Echo { status, format });
                let first = talkative(get_json(&environment)).run();
                assert!(first.code != 0, "{way:?} {status} {format:?}");
                // The remembered answer, the text form, and the trial of a new credential.
                assert_eq!(get(&environment).run().code, first.code);
                let verify = set_credential(&environment, &issuer.token_url(), way).arg("--verify").arg("--replace");
                assert!(talkative(verify).run().code != 0);
            }
        }
    }
}

#[test]
fn a_description_that_repeats_the_secret_in_any_writing_is_withheld() {
    let secret = "CANARY-SECRET-\"a/b\\c+d e%41\u{e9}";
    let issuer = Issuer::start();
    let percent = |upper: bool| -> String {
        let byte = |byte: &u8| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") };
        secret.as_bytes().iter().map(byte).collect()
    };
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = json!(secret).to_string();
    let writings = [
        ("plain", secret.to_owned()),
        ("JSON", json.clone()),
        ("JSON in JSON", json!(json).to_string()),
        ("Unicode escapes", secret.chars().map(|symbol| format!("\\u{:04x}", u32::from(symbol))).collect()),
        ("Debug", format!("{secret:?}")),
        ("percent", percent(true)),
        ("percent, small", percent(false)),
        ("percent twice", percent(true).replace('%', "%25")),
        ("form", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
        ("Base64", STANDARD.encode(secret)),
        ("Base64 for URLs", URL_SAFE_NO_PAD.encode(secret)),
        ("Base64 of the pair", STANDARD.encode(format!("{CLIENT_ID}:{secret}"))),
        ("Base64 of the encoded pair", STANDARD.encode(format!("{CLIENT_ID}:{}", percent(true)))),
        ("hex", hex.clone()),
        ("hex, large", hex.to_uppercase()),
        ("bytes", format!("{:?}", secret.as_bytes())),
        ("bytes in hex", secret.bytes().map(|byte| format!("0x{byte:02X}, ")).collect()),
        ("HTML", secret.replace('&', "&amp;").replace('"', "&quot;").replace('\u{e9}', "&#xe9;")),
        ("in lines", secret.chars().map(|symbol| format!("{symbol}\n")).collect()),
    ];
    for (name, written) in writings {
        let environment = TestEnvironment::new();
        environment.canary("odd secret", secret);
        init(&environment);
        set_credential(&environment, &issuer.token_url(), &[]).stdin(secret).run().success();
        let text = format!("the secret ({written}) is wrong");
        for answer in [
            json!({ "error": "invalid_client", "error_description": text }),
            json!({ "error": text }),
            json!({ "error": "invalid_client", "error_description": format!("{}{text}", "x".repeat(250)) }),
            json!({ "access_token": "CANARY-TOKEN-x", "token_type": "Bearer", "expires_in": 60, "scope": text }),
        ] {
            let status = if answer["error"].is_null() { 200 } else { 400 };
            answer_once(&issuer, status, answer.to_string());
            let run = || talkative(get_json(&environment)).args(["--refresh", "--scope", "read"]).run();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            let outcome = outcome.unwrap_or_else(|_| panic!("{name}: it was repeated"));
            assert!([0, 4, 7].contains(&outcome.code), "{name}: {outcome:?}");
            set_credential(&environment, &issuer.token_url(), &[]).stdin(secret).run().success();
        }
    }
}

#[test]
fn a_token_that_the_issuer_repeats_elsewhere_is_shown_as_access_token_only() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--scope", "read"]);
    let token = format!("{TOKEN_PREFIX}repeated");
    let base64 = STANDARD.encode(&token);
    for scope in [json!(token), json!(format!("write {token}")), json!(["write", token]), json!(base64)] {
        let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": scope });
        answer_once(&issuer, 200, answer.to_string());
        let outcome = talkative(get_json(&environment)).arg("--refresh").run().success();
        let mut shown = outcome.json();
        let given = shown.as_object_mut().and_then(|members| members.remove("access_token"));
        assert_eq!(given, Some(json!(token)), "{scope}");
        let list = environment.tokenkeep(["--json", "token", "list"]).run().success();
        for text in [shown.to_string(), outcome.stderr.clone(), list.stdout_str().to_owned()] {
            assert!(!text.contains(&token) && !text.contains(&base64), "{scope}: {text}");
        }
        // A later answer, good or bad, may repeat the token that is cached.
        let later = json!({ "error": "invalid_scope", "error_description": format!("not after {token}") });
        answer_once(&issuer, 400, later.to_string());
        let error = assert_refused(get_json(&environment).arg("--refresh").run(), "refused", 7, "invalid_scope");
        assert!(!error.to_string().contains(&token), "{error}");
        environment.tokenkeep(["token", "forget", "--all"]).run().success();
    }
    let odd = json!({ "access_token": token, "token_type": token, "expires_in": 600 });
    answer_once(&issuer, 200, odd.to_string());
    assert_refused(talkative(get_json(&environment)).arg("--refresh").run(), "its type", 7, "response_malformed");
}

#[test]
fn a_token_that_comes_with_an_error_is_not_repeated() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let token = format!("{TOKEN_PREFIX}beside-an-error");
    for status in [200, 400] {
        let description = format!("issued {token} all the same");
        let answer = json!({ "access_token": token, "error": "quota", "error_description": description });
        answer_once(&issuer, status, answer.to_string());
        assert_refused(get_json(&environment).run(), "beside an error", 7, "issuer_error");
        forget(&environment);
    }
}

#[test]
fn neither_secret_nor_token_is_in_the_process_table() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--probe-url", &issuer.api_url()]);
    issuer.behave_times("/token", 1, Behaviour::Hold);
    let getting = get(&environment).spawn();
    issuer.wait_for_requests("/token", 1);
    assert_process_shows_nothing(&environment, getting.pid().as_raw_nonzero().get());
    issuer.release();
    let token = getting.wait().success().token().to_owned();

    issuer.behave_times("/api", 2, Behaviour::Hold);
    for (count, run) in [
        (1, environment.tokenkeep(["token", "validate"])),
        (2, environment.tokenkeep(["token", "validate", "--token-stdin"]).stdin(&token)),
    ] {
        let checking = run.spawn();
        issuer.wait_for_requests("/api", count);
        assert_process_shows_nothing(&environment, checking.pid().as_raw_nonzero().get());
        issuer.release();
        checking.wait().success();
    }

    issuer.behave_times("/token", 1, Behaviour::Hold);
    let trying = set_credential(&environment, &issuer.token_url(), &["--verify", "-p", "other"]).spawn();
    issuer.wait_for_requests("/token", 2);
    assert_process_shows_nothing(&environment, trying.pid().as_raw_nonzero().get());
    issuer.release();
    trying.wait().success();
}

/// Its command line and environment, and those of its threads and children.
fn assert_process_shows_nothing(environment: &TestEnvironment, pid: i32) {
    for file in ["cmdline", "environ", "comm", "status", "wchan"] {
        let path = format!("/proc/{pid}/{file}");
        let Ok(content) = std::fs::read(&path) else {
            assert!(file == "wchan", "{path} cannot be read");
            continue;
        };
        let findings = crate::common::canary::scan_bytes(&environment.canaries(), file, &content);
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        assert!(file != "cmdline" || !content.is_empty(), "it lives");
    }
}

#[test]
fn no_flag_takes_a_secret_and_no_help_speaks_of_one_that_does() {
    let environment = TestEnvironment::new();
    for command in [&["credentials", "set"][..], &["token", "get"], &["token", "validate"], &["init"], &[]] {
        let help = environment.tokenkeep(command).arg("--help").run().success();
        let flags = help.stdout_str().split_whitespace().filter(|word| word.starts_with("--"));
        for flag in flags.map(|flag| flag.trim_end_matches([',', '.', ')', ']'])) {
            assert!(!["--secret", "--client-secret", "--token", "--password"].contains(&flag), "{command:?}: {flag}");
        }
    }
    // None of these reads a secret out of the environment, unless a profile says so.
    init(&environment);
    let issuer = Issuer::start();
    environment.write(PROFILE, format!("client_id = \"{CLIENT_ID}\"\ntoken_url = \"{}\"\n", issuer.token_url()));
    let run = get_json(&environment).env("CLIENT_SECRET", CLIENT_SECRET).env("TOKENKEEP_SECRET", CLIENT_SECRET);
    assert_refused(run.run(), "an unnamed variable", 3, "credential_missing");
    assert_eq!(issuer.traffic().accepted, 0);
}

#[test]
fn what_a_server_says_is_one_escaped_line_of_bounded_length() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let hostile = [
        "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}".to_owned(),
        "one\r\nerror: two\nhint: run rm -rf /".to_owned(),
        "\u{9b}31m\u{85}\u{8d}\u{90}".to_owned(),
        "\u{202e}desrever\u{202c}\u{2066}\u{2069}\u{200f}\u{061c}".to_owned(),
        "\u{2028}\u{2029}\u{feff}\u{200b}\u{ad}\u{e0041}\u{0}\u{7f}\u{8}\u{c}".to_owned(),
        "a\u{300}\u{301}\u{302}\u{303}".repeat(100),
        "long ".repeat(12_000),
        "\u{202e}".repeat(20_000),
        "\u{1f511}".repeat(10_000),
    ];
    for text in &hostile {
        for answer in [
            json!({ "error": "invalid_scope", "error_description": text }),
            json!({ "error": text, "error_description": text }),
            json!({ "access_token": "CANARY-TOKEN-x", "token_type": "Bearer", "expires_in": 9, "scope": text }),
        ] {
            for json_form in [false, true] {
                answer_once(&issuer, 200, answer.to_string());
                let run = if json_form { get_json(&environment) } else { get(&environment) };
                // The log is a place where it could get out as well.
                let outcome = talkative(run).args(["--refresh", "--scope", "read"]).run();
                assert!([0, 7].contains(&outcome.code), "{outcome:?}");
                for line in outcome.stderr.lines() {
                    assert!(line.chars().count() < 1_000, "{} characters: {answer:.60}", line.chars().count());
                    assert!(line.chars().all(is_harmless), "{line:?}");
                }
                let told = outcome
                    .stderr
                    .lines()
                    .filter(|line| !["DEBUG", "INFO"].iter().any(|level| line.contains(level)))
                    .count();
                assert!(told <= 2, "{outcome:?}");
                forget(&environment);
                if json_form && outcome.code == 7 {
                    let error = outcome.error();
                    let length = |name: &str| error[name].as_str().unwrap_or_default().chars().count();
                    assert!(length("message") < 450 && length("oauth_error") <= 67, "{error}");
                }
            }
        }
    }
}

#[test]
fn a_megabyte_of_description_is_not_read_and_leaves_the_status_its_meaning() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    let answer = json!({ "error": "invalid_client", "error_description": "\u{1b}[2J".repeat(1 << 18) });
    for (status, exit, code) in [(401, 4, "invalid_client"), (400, 7, "response_too_large")] {
        answer_once(&issuer, status, answer.to_string());
        assert_refused(get_json(&environment).run(), "a megabyte", exit, code);
        forget(&environment);
    }
    get(&environment).run().success().token();
}

#[test]
fn what_a_server_says_in_headers_and_redirects_is_not_shown() {
    let issuer = Issuer::start();
    let environment = credential(&issuer, &["--probe-url", &issuer.api_url()]);
    let hostile = format!("https://issuer.invalid/{TOKEN_PREFIX}elsewhere");
    issuer.behave("*", Behaviour::Redirect { status: 302, location: hostile.clone() });
    assert_refused(talkative(get_json(&environment)).run(), "a redirect", 10, "redirect_refused");
    let headers = ["WWW-Authenticate", "Retry-After", "Date", "Content-Type", "Content-Encoding", "Set-Cookie"];
    for status in [200, 400, 401, 429] {
        let headers = headers.map(|name| (name.to_owned(), hostile.clone())).to_vec();
        issuer.behave("*", Behaviour::Answer { status, headers, body: Default::default() });
        assert!(talkative(get_json(&environment)).arg("--refresh").run().code != 0);
        environment.tokenkeep(["token", "forget", "--all"]).run().success();
    }
}

/// No control character, no mark that turns the direction of a line or hides in it.
fn is_harmless(symbol: char) -> bool {
    let hidden = matches!(symbol, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    !symbol.is_control() && !hidden
}

fn answer_once(issuer: &Issuer, status: u16, body: String) {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    issuer.behave_times("/token", 1, Behaviour::Answer { status, headers, body: body.into() });
}
