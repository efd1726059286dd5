//! `{:?}` of every public type of the library shows no secret, in either form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokenkeep::clock::{BootId, BootTime, Clock, ManualClock, Moment, SystemClock, WallTime};
use tokenkeep::fleet::{
    FleetError, FleetKey, FleetName, FleetUrl, FleetUrlError, Joined, Login, MemoryFleet, Owner, Publication,
    RedisStore, Store, Topology, Value,
};
use tokenkeep::keeper::{Obtained, Source, Want};
use tokenkeep::profile::{
    AssertionAlgorithm, AssertionAudience, AssertionTyp, Assertions, AuthMethod, BasicEncoding, Binding,
    ClientCertificate, Endpoint, EndpointError, Generation, Grant, HeaderError, HeaderSource, Headers, PlainHostError,
    PlainHosts, Reference, Repeats, Request, RequestError, SecretSource, TokenBinding, TokenType,
};
use tokenkeep::store::{
    DataKey, FileStore, LockDir, MemoryStore, RecordError, RecordKey, RecordKind, RecordName, RecordStore, Stamp,
    WriteMode,
};
use tokenkeep::token::{Freshness, LifetimeFrom, Validity};
use tokenkeep::validate::{Check, Outcome, Reach, Report, Verdict};
use tokenkeep::{
    AccessToken, Code, Error, ErrorKind, Keeper, KeeperBuilder, OpenOptions, Profile, ProfileName, Secret, Warning,
};

use crate::common::canary::{Canary, scan_bytes};
use crate::common::issuer::{Behaviour, CLIENT_ID, CLIENT_SECRET, EchoFormat, TOKEN_PREFIX};
use crate::common::{Issuer, TestEnvironment};

/// 32 bytes of a data key that are no text.
const KEY: [u8; 32] = [
    0xc3, 0x01, 0x9f, 0x5a, 0xe2, 0x77, 0x10, 0xbd, 0x4c, 0x88, 0x31, 0xf6, 0x0e, 0xa4, 0x69, 0xd5, 0x2b, 0x93, 0x7e,
    0x14, 0xc8, 0x50, 0xaf, 0x06, 0xdb, 0x62, 0x39, 0xf1, 0x8d, 0x45, 0xba, 0x1c,
];

/// What was formatted, by the name of its type.
#[derive(Default)]
struct Shown(BTreeMap<&'static str, String>);

impl Shown {
    fn add<T: Debug + ?Sized>(&mut self, value: &T) {
        let name = std::any::type_name::<T>();
        let name = name.split('<').next().unwrap_or(name).rsplit("::").next().unwrap_or(name);
        *self.0.entry(name.trim_start_matches("dyn ")).or_default() += &format!("{value:?}\n{value:#?}\n");
    }
}

#[test]
fn no_public_type_shows_a_secret() {
    let issuer = Issuer::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut shown = Shown::default();
    plain(&mut shown);
    profiles(&mut shown);
    keys_and_records(&mut shown);
    runtime.block_on(keepers(&issuer, &mut shown));
    runtime.block_on(fleets(&issuer, &mut shown));
    places(&mut shown);

    assert_eq!(shown.0.keys().copied().collect::<BTreeSet<_>>(), exported().iter().map(String::as_str).collect());
    let canaries =
        [Canary::new("client secret", CLIENT_SECRET), Canary::new("token", TOKEN_PREFIX), Canary::new("data key", KEY)];
    for (name, text) in &shown.0 {
        let findings = scan_bytes(&canaries, name, text.as_bytes());
        assert!(findings.is_empty(), "{}", findings.join("\n"));
    }
}

#[test]
fn a_secret_that_is_shown_would_be_found() {
    let canaries = [Canary::new("data key", KEY), Canary::new("client secret", CLIENT_SECRET)];
    assert!(!scan_bytes(&canaries, "a list", format!("{KEY:?}").as_bytes()).is_empty());
    assert!(!scan_bytes(&canaries, "a text", format!("{:?}", Some(CLIENT_SECRET)).as_bytes()).is_empty());
    assert!(!scan_bytes(&canaries, "bytes", format!("{:#?}", CLIENT_SECRET.as_bytes()).as_bytes()).is_empty());
}

/// The public modules that are files; src/lib.rs has the others inline.
const MODULES: [&str; 5] = ["error", "fleet", "keeper", "profile", "token"];

/// The public types: what src/lib.rs and the public modules export. Functions begin with a small letter.
fn exported() -> BTreeSet<String> {
    let read = |file: &str| {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        source.expect("the source is in the checkout")
    };
    let library = read("src/lib.rs");
    let modules = MODULES.map(|module| read(&format!("src/{module}/mod.rs")));
    let names: BTreeSet<_> = modules.iter().chain([&library]).flat_map(|source| public_types(source)).collect();
    assert!(names.len() > 50 && names.contains("Store"), "the exports were not read: {names:?}");
    // The two programs are public for their `main` alone.
    let files: BTreeSet<_> = MODULES.into_iter().chain(["cli", "front"]).collect();
    let public = library.split("\npub mod ").skip(1).filter_map(|rest| rest.lines().next()?.strip_suffix(';'));
    assert_eq!(public.collect::<BTreeSet<_>>(), files, "another public module");
    assert!(modules.iter().all(|module| !module.contains("\npub mod ")), "another public module");
    names
}

fn public_types(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in source.split("pub use ").skip(1) {
        let (statement, _) = statement.split_once(';').expect("a statement ends");
        let (_, list) = statement.split_once("::").expect("a path has parts");
        let words = list.split(|symbol: char| !symbol.is_alphanumeric() && symbol != '_');
        // Constants have capitals only, and an alias is no type of its own.
        let is_type = |word: &&str| word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase);
        names.extend(words.filter(is_type).filter(|word| *word != "Answer").map(str::to_owned));
    }
    for kind in ["\npub struct ", "\npub enum ", "\npub trait ", "\n        pub enum "] {
        let words =
            source.split(kind).skip(1).filter_map(|rest| rest.split(|symbol: char| !symbol.is_alphanumeric()).next());
        names.extend(words.map(str::to_owned));
    }
    names
}

fn moment() -> Moment {
    ManualClock::new(WallTime(1_800_000_000_000_000_000)).now()
}

fn token() -> AccessToken {
    let validity = Validity::new(moment(), Duration::from_secs(60), LifetimeFrom::Issuer);
    let value = Secret::from(format!("{TOKEN_PREFIX}debug").as_str());
    AccessToken::new(value, "Bearer", Some("read"), validity).expect("a token")
}

/// Types that can hold no secret: they are here so that none is forgotten when that changes.
fn plain(shown: &mut Shown) {
    shown.add(&BootId([7; 16]));
    shown.add(&BootTime(7));
    shown.add(&WallTime(7));
    shown.add(&moment());
    shown.add(&SystemClock);
    shown.add(&ManualClock::new(WallTime(7)));
    let clock: &dyn Clock = &SystemClock;
    shown.add(clock);
    shown.add(&Code::InvalidClient);
    shown.add(&ErrorKind::AuthRejected);
    shown.add(&tokenkeep::error::Remedy::MakeRoom);
    shown.add(&tokenkeep::error::Remedy::OpenOutput);
    shown.add(&tokenkeep::error::Mend::DirectoryInside);
    shown.add(&tokenkeep::error::SecretPlace::Actions);
    shown.add(&Source::Cache);
    shown.add(&Want::IssuedAfter(moment()));
    shown.add(&Stamp::numbered(7));
    shown.add(&AuthMethod::ClientSecretPost);
    shown.add(&BasicEncoding::Raw);
    shown.add(&AssertionAlgorithm::EdDsa);
    shown.add(&AssertionAudience::TokenEndpoint);
    shown.add(&AssertionTyp::Off);
    let mut assertions = Assertions::default();
    assertions.key_id = Some("k".to_owned());
    shown.add(&assertions);
    shown.add(&ClientCertificate::new("/run/client.pem"));
    shown.add(&TokenBinding::Dpop);
    shown.add(&Grant::AccountCredentials);
    shown.add(&Repeats::Never);
    shown.add(&TokenType::Bearer);
    shown.add(&WriteMode::Concurrent);
    shown.add(&RecordKind::Token);
    shown.add(&LifetimeFrom::Issuer);
    shown.add(&Freshness::Fresh(Duration::from_secs(7)));
    shown.add(&Reach::Everything);
    shown.add(&Outcome::Pass);
    shown.add(&Verdict::Valid);
    shown.add(&Owner([7; 16]));
    shown.add(&FleetName::new([7; 32]));
    shown.add(&Topology::Sentinel { service: "fleet".to_owned() });
    for warning in
        [Warning::SecretReadable("why".to_owned()), Warning::ScopeNarrowed("read".to_owned()), Warning::UnsealFailed]
    {
        shown.add(&warning);
    }
}

/// What people type into the wrong place is refused, and the refusal does not repeat it.
fn profiles(shown: &mut Shown) {
    for url in [
        format!("https://user:{CLIENT_SECRET}@a.invalid/"),
        format!("https://a.invalid/?client_secret={CLIENT_SECRET}"),
        format!("https://a.invalid/#{CLIENT_SECRET}"),
        format!("http://{CLIENT_SECRET}.invalid/"),
        CLIENT_SECRET.to_owned(),
    ] {
        let error: EndpointError = Endpoint::parse(&url).expect_err("refused");
        shown.add(&error);
    }
    shown.add(&PlainHosts::new(["keycloak"]).expect("a private host"));
    let error: PlainHostError = PlainHosts::new([&*format!("{CLIENT_SECRET}.example")]).expect_err("a public host");
    shown.add(&error);
    let endpoint = Endpoint::parse("https://a.invalid/token").expect("a URL");
    shown.add(&endpoint);
    let errors: [RequestError; 4] = [
        Request::default().with_params([("client_secret", CLIENT_SECRET)]).expect_err("reserved"),
        Request::default().with_params([("", CLIENT_SECRET)]).expect_err("no name"),
        Request::default().with_resources([format!("urn:{CLIENT_SECRET}#x").as_str()]).expect_err("a fragment"),
        Request::default().with_scopes([format!("\"{CLIENT_SECRET}").as_str()]).expect_err("no scope"),
    ];
    errors.iter().for_each(|error| shown.add(error));
    shown.add(&Request::default().with_scopes(["read"]).expect("a scope"));
    let name = ProfileName::parse("debug").expect("a name");
    shown.add(&name);
    let generation = Generation::new([7; 16]);
    shown.add(&generation);
    let headers: Headers =
        Headers::new([("x-api-key", HeaderSource::Value(Secret::from(CLIENT_SECRET)))]).expect("a header");
    shown.add(&headers);
    headers.iter().for_each(|(_, source)| shown.add::<HeaderSource>(source));
    let in_name = format!("{CLIENT_SECRET} ");
    let error: HeaderError =
        Headers::new([(in_name.as_str(), HeaderSource::Env("X".to_owned()))]).expect_err("no name");
    shown.add(&error);
    let mut profile = Profile::new(name, CLIENT_ID, endpoint);
    profile.headers = headers;
    let binding: Binding = profile.binding(generation, Some([7; 32]));
    shown.add(&binding);
    shown.add(&Reference::File(PathBuf::from("/run/secret")));
    shown.add(&SecretSource::Stored(Box::new(binding.clone())));
    profile.secret = SecretSource::Stored(Box::new(binding));
    shown.add(&profile);
}

fn keys_and_records(shown: &mut Shown) {
    shown.add(&Secret::from(CLIENT_SECRET));
    let key = DataKey::new(KEY.into());
    shown.add(&key);
    shown.add(&tokenkeep::profile::SecretDigest::new(KEY));
    shown.add(&DataKey::derived(&Secret::new(KEY.to_vec()), &[7; 16], &[8; 16]));
    let name = RecordName::of(b"identity");
    shown.add(&name);
    shown.add(&RecordKey::new(name, RecordKind::Token));
    shown.add(token().validity());
    shown.add(&token());
}

/// Keepers that hold secret, key and token, and the errors of an issuer that repeats what it was sent.
async fn keepers(issuer: &Issuer, shown: &mut Shown) {
    let profile = |auth| {
        let url = Endpoint::parse(&issuer.token_url()).expect("a URL");
        let probe_url = Endpoint::parse(&issuer.api_url()).ok();
        let name = ProfileName::parse("debug").expect("a name");
        let mut profile = Profile::new(name, CLIENT_ID, url);
        (profile.auth, profile.probe_url) = (auth, probe_url);
        profile
    };
    let store = Arc::new(MemoryStore::default());
    let builder = |auth| -> KeeperBuilder {
        let key = DataKey::new(KEY.into());
        Keeper::builder(profile(auth)).secret(CLIENT_SECRET).data_key(key).store(store.clone())
    };
    shown.add(&builder(AuthMethod::ClientSecretBasic));
    let keeper = builder(AuthMethod::ClientSecretBasic).build().expect("a keeper");
    let token = keeper.token().await.expect("a token");
    assert!(token.expose().starts_with(TOKEN_PREFIX));
    shown.add(&token);
    let obtained: Obtained = keeper.obtain(keeper.valid()).await.expect("a token");
    shown.add(&obtained);
    shown.add(&keeper);
    shown.add(&*store);
    let as_trait: &dyn RecordStore = &*store;
    shown.add(as_trait);
    let report: Report = keeper.validate(None, Reach::Everything).await.expect("a report");
    shown.add(&report);
    let check: &Check = report.checks.first().expect("the local one");
    shown.add(check);
    for auth in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        for format in [EchoFormat::Json, EchoFormat::Html] {
            issuer.behave_times("/token", 1, Behaviour::Echo { status: 400, format });
            let keeper = Keeper::builder(profile(auth)).secret(CLIENT_SECRET).build().expect("a keeper");
            let error: Error = keeper.token().await.expect_err("refused");
            shown.add(&error);
            shown.add(&keeper);
        }
    }
    issuer.answer("/token", 200, &json!({ "access_token": format!("{TOKEN_PREFIX}\n"), "token_type": "Bearer" }));
    let keeper = Keeper::builder(profile(AuthMethod::ClientSecretPost)).secret(CLIENT_SECRET).build();
    shown.add(&keeper.expect("a keeper").token().await.expect_err("no token"));
}

/// What hosts share, and how: keys, logins, addresses, values.
async fn fleets(issuer: &Issuer, shown: &mut Shown) {
    for url in
        [format!("redis://:{CLIENT_SECRET}@a.invalid"), CLIENT_SECRET.to_owned(), format!("http://{CLIENT_SECRET}")]
    {
        let error: FleetUrlError = FleetUrl::parse(&url).expect_err("refused");
        shown.add(&error);
    }
    let url = FleetUrl::parse("redis://127.0.0.1:1").expect("an address");
    shown.add(&url);
    let login = Login::new(Some("fleet".to_owned()), CLIENT_SECRET);
    shown.add(&login);
    let server = RedisStore::new(url, Some(login), Some(KEY.to_vec()));
    shown.add(&server);
    let error: FleetError = server.look(FleetName::new([7; 32])).await.expect_err("nobody listens there");
    shown.add(&error);

    let key = FleetKey::explicit(&Secret::new(KEY.to_vec()), "default");
    shown.add(&key);
    shown.add(&FleetKey::derived(&Secret::from(CLIENT_SECRET), &issuer.token_url(), CLIENT_ID, "default"));
    let memory = Arc::new(MemoryFleet::default());
    let profile = Profile::new(
        ProfileName::parse("debug").expect("a name"),
        CLIENT_ID,
        Endpoint::parse(&issuer.token_url()).expect("a URL"),
    );
    issuer.behave("/token", Behaviour::Normal);
    let builder = Keeper::builder(profile).secret(CLIENT_SECRET).fleet(memory.clone(), key);
    shown.add(&builder);
    let keeper = builder.build().expect("a keeper");
    shown.add(&keeper.token().await.expect("a token"));
    shown.add(&keeper);
    shown.add(&*memory);
    let as_trait: &dyn Store = &*memory;
    shown.add(as_trait);

    // A store keeps what it is given: here, what nobody sealed.
    let bytes = format!("12345678{TOKEN_PREFIX}{CLIENT_SECRET}").into_bytes();
    let (name, owner, lifetime) = (FleetName::new([8; 32]), Owner([8; 16]), Duration::from_secs(60));
    let publication = Publication { owner, instead_of: Some(bytes.clone()), bytes, lifetime };
    shown.add(&publication);
    assert!(memory.publish(name, publication).await.expect("it answers"));
    let value: Value = memory.look(name).await.expect("it answers").expect("it is there");
    shown.add(&value);
    for owner in [owner, Owner([9; 16])] {
        let joined: Joined = memory.join(name, owner, 0).await.expect("it answers");
        shown.add(&joined);
    }
}

fn places(shown: &mut Shown) {
    let environment = TestEnvironment::new();
    let blocked = environment.write("files/plain", "");
    let failed: RecordError = FileStore::open(blocked.join("below a file")).expect_err("not a directory");
    shown.add(&failed);
    let records = environment.root().join("records");
    shown.add(&FileStore::open(&records).expect("a directory"));
    shown.add(&LockDir::open(&records).expect("a directory"));
    shown.add(&OpenOptions::new().data_dir(records).on_warning(|_| ()));
}
