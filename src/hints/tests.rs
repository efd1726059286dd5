//! Every hint is followed by a test of the suite, or states why there is no command to follow.

use std::collections::HashSet;
use std::mem::discriminant;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Directories, Seen};
use crate::error::{Remedy, SecretPlace};
use crate::system::files::Mend;

/// How it is ensured that an advice works.
enum Held {
    /// A test of the suite, by its module and name, brings the situation about and follows the hint.
    Followed(&'static str),
    /// No command of tokenkeep can do it, for this reason.
    NoCommand(&'static str),
}

/// The values that the user has to put in. Every other word works as it stands.
const PLACEHOLDERS: [&str; 17] = [
    "NAME", "URL", "ID", "PATH", "DIR", "HOST", "PORT", "USER", "PASSWORD", "PEM", "PROVIDER", "METHOD", "WHOM",
    "VALUE", "A", "ISSUER", "VARIABLE",
];

/// Words in capitals that are names of something.
const NAMES: [&str; 17] = [
    "H",
    "HOME",
    "CA",
    "FALSE",
    "NO_PROXY",
    "TOKENKEEP_PASSPHRASE_FD",
    "SSL_CERT_FILE",
    "HTTPS_PROXY",
    "RUST_BACKTRACE",
    "XDG_DATA_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "TOKENKEEP_CONFIG_DIR",
    "TOKENKEEP_DATA_DIR",
    "TOKENKEEP_TOKEN_URL",
    "TOKENKEEP_PROVIDER",
    "TOKENKEEP_CLIENT_ID",
    "TOKENKEEP_SECRET_FILE",
];

#[rustfmt::skip]
fn held(remedy: &Remedy) -> Held {
    use Held::{Followed, NoCommand};
    const EDITOR: &str = "a file is edited, and what is right in it is known to its author";
    const ISSUER: &str = "the issuer, or what stands before it, is another party's";
    const MACHINE: &str = "the machine or its network has to change";
    const USER: &str = "only the user knows which file or value is the right one";
    const AGAIN: &str = "it is the same command again";
    match remedy {
        Remedy::NameProfile => Followed("hints::credentials::a_profile_that_is_missing_is_set_or_named"),
        Remedy::NameProfileOrDefault(_) => Followed("hints::credentials::a_profile_that_is_missing_is_set_or_named"),
        Remedy::SetFirstProfile => Followed("hints::credentials::a_profile_that_is_missing_is_set_or_named"),
        Remedy::SetProfile(_) => Followed("hints::credentials::a_profile_that_is_missing_is_set_or_named"),
        Remedy::UseProfile(_) => Followed("hints::credentials::a_profile_that_is_missing_is_set_or_named"),
        Remedy::SetCredential(_) => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::SetCredentialAgain => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::SetRightClient => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::SetRightKey => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::LookAtProfile => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::GiveClientId => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::NameIssuer => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::SetRevocationUrl(_) => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::BindAgain(_) => Followed("hints::credentials::an_edit_is_bound_by_the_flag_that_the_hint_names"),
        Remedy::RemoveBinding(_) => Followed("hints::credentials::a_credential_that_does_not_serve_is_set_again"),
        Remedy::UndoEditOrGive(_) => Followed("hints::credentials::an_edit_is_bound_by_the_flag_that_the_hint_names"),
        Remedy::GiveCertificateFile => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::GiveAssertionAudience => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::SignWithKey => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::ReferToSecret => Followed("hints::credentials::a_secret_that_is_not_kept_is_read_at_each_fetch"),
        Remedy::ReferToAssertion => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::CorrectSecretIn(_) => Followed("hints::credentials::a_secret_that_is_not_kept_is_read_at_each_fetch"),
        Remedy::RunProgram(_) => Followed("secret_command::on_terminal::a_wrong_answer_is_the_failure_of_the_program_and_the_hint_names_it"),
        Remedy::UseLockingDirectory => {
            Followed("files::poor::a_file_system_without_locks_is_called_so_and_another_directory_serves_as_the_hint_says")
        }
        Remedy::SetHome => Followed("surroundings::a_home_of_another_user_is_told_with_the_way_to_ones_own"),
        Remedy::ChooseFilesOrMendBus(_) => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::FindEndpoints => Followed("by_environment::an_issuer_that_is_named_alone_is_asked_once_for_its_endpoints"),
        Remedy::SetVariables => NoCommand("the environment is its owner's"),
        Remedy::PutHeaderThere => NoCommand(USER),
        Remedy::ReferToHeader => Followed("gateway::a_value_as_an_argument_is_refused_and_not_repeated"),
        Remedy::MendBusAddress(_) => Followed("keyring::answers::a_keyring_that_vanished_is_moved_out_of_in_its_session_as_the_hint_says"),
        Remedy::MakeCollection => Followed("keyring::answers::a_service_without_a_default_collection_is_unavailable_and_gets_none"),
        Remedy::BuildWithKeyring => Followed("moving::keyring::a_move_out_of_the_keyring_leaves_nothing_in_it"),
        Remedy::GiveWritableDirectories => Followed("surroundings::a_home_that_takes_no_directory_is_told_with_the_variables_that_name_others"),
        Remedy::UseDataDirectory { .. } => Followed("changed_place::another_data_directory_under_one_configuration_is_named_and_takes_no_credential_away"),
        Remedy::UseDataDirectoryOrReplace { .. } => Followed("changed_place::another_data_directory_under_one_configuration_is_named_and_takes_no_credential_away"),
        Remedy::MapOwner => NoCommand(MACHINE),
        Remedy::AcceptCaFile(_) => Followed("binding::a_ca_file_that_was_renewed_is_accepted_by_its_name_without_the_secret"),
        Remedy::SetClockLikeIssuer { .. } => NoCommand(MACHINE),
        Remedy::PutSecretThere => Followed("hints::credentials::a_secret_that_is_not_kept_is_read_at_each_fetch"),
        Remedy::GiveSecret => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::TryBasicEncoding(_) => Followed("hints::commands::what_the_doctor_advises_is_done"),
        Remedy::RestoreCertificate => Followed("hints::issuers::a_file_of_a_profile_is_replaced_as_the_hint_says"),
        Remedy::RestoreCaFile => Followed("hints::issuers::a_file_of_a_profile_is_replaced_as_the_hint_says"),
        Remedy::GiveIssuerUrl => Followed("plain_http::a_name_that_leads_elsewhere_is_replaced_as_the_hint_says"),
        Remedy::FillGap => NoCommand(USER),
        Remedy::GiveExactIssuer => Followed("discovery::an_issuer_that_differs_is_shown_as_it_writes_itself"),
        Remedy::TakeIssuer(_) => Followed("hints::issuers::an_issuer_is_found_as_the_hint_says"),
        Remedy::MendIssuerName => Followed("hints::issuers::an_issuer_is_found_as_the_hint_says"),
        Remedy::AllowHttp(_) => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::NamePlainHost => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::UseHttps => Followed("hints::commands::what_the_doctor_advises_is_done"),
        Remedy::WriteLoopback => NoCommand(USER),
        Remedy::CheckIssuer => Followed("hints::issuers::an_issuer_is_found_as_the_hint_says"),
        Remedy::CheckTokenUrl => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::CheckRevocationUrl => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::CheckWayToIssuer => NoCommand(ISSUER),
        Remedy::TakeTypeAsBearer => Followed("hints::issuers::a_profile_is_changed_to_what_the_issuer_wants"),
        Remedy::AskWhetherIssuerMoved => {
            Followed("discovery::an_issuer_whose_endpoint_moves_is_refused_until_a_person_says_otherwise")
        }
        Remedy::GiveCertificates => Followed("hints::issuers::certificates_are_given_as_the_hint_says"),
        Remedy::CheckNetwork => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::MakeServerCertificate => {
            Followed("tls::a_certificate_that_a_server_signed_itself_is_taken_if_it_is_no_authority")
        }
        Remedy::UnsetCertificates(_) => Followed("hints::issuers::a_variable_is_unset_as_the_hint_says"),
        Remedy::ConvertToPem(_) => Followed("hints::issuers::certificates_are_given_as_the_hint_says"),
        Remedy::UnsetProxy(_) => Followed("hints::issuers::a_variable_is_unset_as_the_hint_says"),
        Remedy::GiveProxyPassword(_) => NoCommand(MACHINE),
        Remedy::AllowThroughProxy => NoCommand(MACHINE),
        Remedy::CheckProxy(_) => NoCommand(MACHINE),
        Remedy::AllowGrant => NoCommand(ISSUER),
        Remedy::CheckScope => Followed("hints::issuers::a_request_is_changed_to_what_the_issuer_grants"),
        Remedy::CheckTarget => Followed("hints::issuers::a_request_is_changed_to_what_the_issuer_grants"),
        Remedy::CompareProfile => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::LeaveDpopOut => Followed("hints::issuers::a_profile_is_changed_to_what_the_issuer_wants"),
        Remedy::TryLater => NoCommand(ISSUER),
        Remedy::SeeProviders => NoCommand("it is a page to read"),
        Remedy::GiveField { .. } => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::GiveRequestPart { .. } => Followed("hints::credentials::what_credentials_set_misses_is_added"),
        Remedy::NameHost(_) => Followed("which::a_host_is_named_as_the_hint_says"),
        Remedy::LowerMinTtl(_) => Followed("hints::tokens::a_token_is_had_as_the_hint_says"),
        Remedy::AcceptCached(_) => Followed("hints::tokens::a_token_is_had_as_the_hint_says"),
        Remedy::ContactIssuer => Followed("hints::tokens::a_token_is_had_as_the_hint_says"),
        Remedy::Wait(_) => NoCommand("time has to pass"),
        Remedy::NameProvenRequest => Followed("hints::tokens::a_token_is_had_as_the_hint_says"),
        Remedy::LeaveProofOut => Followed("hints::tokens::a_token_is_had_as_the_hint_says"),
        Remedy::GiveAudience => Followed("hints::tokens::what_a_resource_server_misses_is_added"),
        Remedy::GiveKeysUrl => Followed("hints::tokens::what_a_resource_server_misses_is_added"),
        Remedy::GiveAcceptedIssuer => Followed("hints::tokens::what_a_resource_server_misses_is_added"),
        Remedy::ChooseBackend => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::ChooseFiles => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::MoveToFiles => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::UnlockKeyring => NoCommand("the desktop asks for its password"),
        Remedy::UseSession => Followed("keyring::answers::a_keyring_that_vanished_is_moved_out_of_in_its_session_as_the_hint_says"),
        Remedy::MoveStored => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::UseOneBackend => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::TakeBackendOut => NoCommand(EDITOR),
        Remedy::RemoveProfilesOrRefer => Followed("hints::places::a_place_for_secrets_is_chosen_as_the_hint_says"),
        Remedy::NameProfilesOrClean => Followed("hints::places::what_was_left_behind_is_removed_as_the_hint_says"),
        Remedy::Clean => Followed("hints::places::what_was_left_behind_is_removed_as_the_hint_says"),
        Remedy::MoveAwayAndClean => Followed("hints::places::what_was_left_behind_is_removed_as_the_hint_says"),
        Remedy::MoveFleetStateAway => Followed("hints::fleet::a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says"),
        Remedy::RestoreChoice => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::RemoveForeignItems => NoCommand("the keyring's own program shows its items"),
        Remedy::TypePassphraseAgain => NoCommand(AGAIN),
        Remedy::GivePassphrase => Followed("hints::places::a_passphrase_is_given_as_the_hint_says"),
        Remedy::RunAsService => NoCommand("the service manager runs it"),
        Remedy::RestoreKeyFile(_) => Followed("hints::places::a_key_file_is_made_as_the_hint_says"),
        Remedy::RestoreKeyFileOrStartOver => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::RestoreFirstKeyFile => NoCommand(USER),
        Remedy::MoveKeyFileAway(_) => Followed("hints::places::a_key_file_is_made_as_the_hint_says"),
        Remedy::LengthenCredential => NoCommand("the service manager hands it in"),
        Remedy::KeepKeyFileElsewhere => Followed("hints::commands::what_the_doctor_advises_is_done"),
        Remedy::UseDirectoryInside(_) => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::Protect { .. } => Followed("files::given::the_command_of_a_hint_works_for_a_path_with_spaces_and_quotes"),
        Remedy::RunAs(_) => NoCommand("only that user, or root, may become that user"),
        Remedy::LookAndMoveAway => NoCommand(USER),
        Remedy::CheckPermissions => NoCommand(MACHINE),
        Remedy::CheckDataDirectory => NoCommand(MACHINE),
        Remedy::CheckRightFile => NoCommand(USER),
        Remedy::CheckFile(_) => NoCommand(USER),
        Remedy::EditFile(_) => NoCommand(EDITOR),
        Remedy::GiveDirectories => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::UseLocalDirectory => NoCommand(MACHINE),
        Remedy::NameWritableDirectory => Followed("hints::places::another_directory_is_used_as_the_hint_says"),
        Remedy::NameAnotherFile => NoCommand(USER),
        Remedy::OpenOutput => NoCommand(AGAIN),
        Remedy::MakeRoom => NoCommand(MACHINE),
        Remedy::FreeLedger => NoCommand(MACHINE),
        Remedy::WriteFleetUrl(_) => NoCommand(EDITOR),
        Remedy::UseFleetTls => NoCommand(EDITOR),
        Remedy::SetFleetLogin => Followed("hints::fleet::a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says"),
        Remedy::MakeFleetKey => Followed("hints::fleet::a_fleet_is_joined_as_the_hint_says"),
        Remedy::MakeOrDeriveFleetKey => Followed("hints::fleet::a_fleet_key_is_made_or_derived_as_the_hint_says"),
        Remedy::RemoveFleetKey => Followed("hints::fleet::a_fleet_key_is_made_or_derived_as_the_hint_says"),
        Remedy::MoveVouchedAway => Followed("hints::fleet::a_fleet_key_is_made_or_derived_as_the_hint_says"),
        Remedy::BringFleetKey => Followed("hints::fleet::a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says"),
        Remedy::NameFleetFile => NoCommand(EDITOR),
        Remedy::TakeFleetKeyFileOut => NoCommand(EDITOR),
        Remedy::BuildWithRedis => NoCommand(EDITOR),
        Remedy::LeaveFleetOut => Followed("hints::fleet::a_fleet_is_joined_as_the_hint_says"),
        Remedy::CheckFleetStore => NoCommand(MACHINE),
        Remedy::DiagnoseFleetStore => Followed("hints::fleet::a_fleet_is_joined_as_the_hint_says"),
        Remedy::RepeatWithFleetStore => Followed("hints::fleet::a_fleet_is_joined_as_the_hint_says"),
        Remedy::Diagnose => Followed("hints::fleet::a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says"),
        Remedy::Repeat => NoCommand(AGAIN),
        Remedy::Confirm => Followed("hints::commands::a_question_is_answered_beforehand_as_the_hint_says"),
        Remedy::ConfirmErasure => Followed("hints::commands::a_question_is_answered_beforehand_as_the_hint_says"),
        Remedy::Update => NoCommand("a package manager installs it"),
        Remedy::SetClock => NoCommand(MACHINE),
        Remedy::CheckLimits => Followed("hints::commands::what_a_hint_shows_is_shown"),
        Remedy::InstallBoth(_) => NoCommand("a package manager installs it"),
        Remedy::ReportBug => NoCommand("people read it"),
        Remedy::ReadCommandHelp(_) => Followed("typing::a_usage_error_names_the_help_of_its_own_command"),
        Remedy::UseCommand(_) => Followed("hints::commands::what_was_mistyped_is_typed_as_the_hint_says"),
        Remedy::GiveSecretUnseen => Followed("hints::commands::what_was_mistyped_is_typed_as_the_hint_says"),
        Remedy::ReadHelp => Followed("typing::a_usage_error_names_the_help_of_its_own_command"),
        Remedy::UseSimilar(_) => Followed("hints::commands::what_was_mistyped_is_typed_as_the_hint_says"),
        Remedy::UsePresentName(_) => Followed("hints::commands::what_was_mistyped_is_typed_as_the_hint_says"),
    }
}

/// One example of each value, and more of those that have more than one wording.
#[rustfmt::skip]
fn examples() -> Vec<Remedy> {
    let name = || "billing".to_owned();
    let path = || PathBuf::from("/home/u/file");
    let text = || "text".to_owned();
    let some_time = Duration::from_secs(240);
    let keys = [
        "token_url", "issuer", "client_id", "auth", "introspection_url", "revocation_url", "probe_url",
        "assertion_audience", "allow_http", "dpop", "ca_file", "generation",
    ];
    let mends = [
        Mend::OwnerOnlyFile, Mend::OwnerOnlyDirectory, Mend::NoOtherWriter, Mend::DirectoryInside, Mend::OwnerOnlyInVolume,
    ];
    let mut all = vec![
        Remedy::NameProfile, Remedy::NameProfileOrDefault(path()), Remedy::SetFirstProfile, Remedy::SetProfile(name()),
        Remedy::UseProfile(name()), Remedy::SetCredential(name()), Remedy::SetCredentialAgain, Remedy::SetRightClient,
        Remedy::SetRightKey, Remedy::LookAtProfile, Remedy::GiveClientId, Remedy::NameIssuer,
        Remedy::SetRevocationUrl(name()), Remedy::RemoveBinding(path()), Remedy::GiveCertificateFile,
        Remedy::GiveAssertionAudience, Remedy::SignWithKey, Remedy::ReferToSecret, Remedy::ReferToAssertion,
        Remedy::CorrectSecretIn(SecretPlace::File(path())), Remedy::CorrectSecretIn(SecretPlace::Variable(text())),
        Remedy::CorrectSecretIn(SecretPlace::Program(text())), Remedy::RunProgram(text()), Remedy::SetVariables,
        Remedy::UseLockingDirectory, Remedy::SetHome, Remedy::FindEndpoints, Remedy::ChooseFilesOrMendBus(path()),
        Remedy::CorrectSecretIn(SecretPlace::Actions), Remedy::PutHeaderThere,
        Remedy::ReferToHeader, Remedy::MendBusAddress(path()), Remedy::MakeCollection, Remedy::BuildWithKeyring,
        Remedy::GiveWritableDirectories, Remedy::UseDataDirectory { path: path(), variable: Some("XDG_DATA_HOME") },
        Remedy::UseDataDirectory { path: path(), variable: None }, Remedy::MapOwner, Remedy::AcceptCaFile(path()),
        Remedy::UseDataDirectoryOrReplace { path: path(), variable: Some("XDG_DATA_HOME") },
        Remedy::SetClockLikeIssuer { seconds: -600 }, Remedy::PutSecretThere, Remedy::GiveSecret, Remedy::TryBasicEncoding("raw"),
        Remedy::TryBasicEncoding("form"), Remedy::RestoreCertificate, Remedy::RestoreCaFile,
        Remedy::GiveIssuerUrl, Remedy::FillGap, Remedy::GiveExactIssuer,
        Remedy::TakeIssuer("https://id.example.com/a b".to_owned()), Remedy::MendIssuerName,
        Remedy::AllowHttp("[fd00::1]".to_owned()), Remedy::NamePlainHost, Remedy::UseHttps, Remedy::WriteLoopback,
        Remedy::CheckIssuer, Remedy::CheckTokenUrl, Remedy::CheckRevocationUrl, Remedy::CheckWayToIssuer, Remedy::TakeTypeAsBearer,
        Remedy::AskWhetherIssuerMoved, Remedy::GiveCertificates, Remedy::CheckNetwork, Remedy::MakeServerCertificate,
        Remedy::UnsetCertificates("SSL_CERT_FILE"), Remedy::ConvertToPem(path()), Remedy::UnsetProxy("HTTPS_PROXY"),
        Remedy::GiveProxyPassword("HTTPS_PROXY"), Remedy::AllowThroughProxy, Remedy::CheckProxy("HTTPS_PROXY"),
        Remedy::AllowGrant, Remedy::CheckScope, Remedy::CheckTarget, Remedy::CompareProfile, Remedy::LeaveDpopOut,
        Remedy::TryLater, Remedy::SeeProviders, Remedy::GiveField { name: text(), what: None },
        Remedy::GiveField { name: text(), what: Some(text()) },
        Remedy::GiveRequestPart { name: "audience".to_owned(), why: text() },
        Remedy::GiveRequestPart { name: "scope".to_owned(), why: text() }, Remedy::NameHost(name()), Remedy::LowerMinTtl(some_time),
        Remedy::AcceptCached(some_time), Remedy::ContactIssuer, Remedy::Wait(some_time), Remedy::NameProvenRequest,
        Remedy::LeaveProofOut, Remedy::GiveAudience, Remedy::GiveKeysUrl, Remedy::GiveAcceptedIssuer,
        Remedy::ChooseBackend, Remedy::ChooseFiles, Remedy::MoveToFiles, Remedy::UnlockKeyring, Remedy::UseSession,
        Remedy::MoveStored, Remedy::UseOneBackend, Remedy::TakeBackendOut, Remedy::RemoveProfilesOrRefer,
        Remedy::NameProfilesOrClean, Remedy::Clean, Remedy::MoveAwayAndClean, Remedy::MoveFleetStateAway,
        Remedy::RestoreChoice, Remedy::RemoveForeignItems, Remedy::TypePassphraseAgain, Remedy::GivePassphrase,
        Remedy::RunAsService, Remedy::RestoreKeyFile(path()), Remedy::RestoreKeyFileOrStartOver,
        Remedy::RestoreFirstKeyFile, Remedy::MoveKeyFileAway(path()), Remedy::LengthenCredential,
        Remedy::KeepKeyFileElsewhere, Remedy::UseDirectoryInside(path()), Remedy::RunAs(1000), Remedy::LookAndMoveAway,
        Remedy::CheckPermissions, Remedy::CheckDataDirectory, Remedy::CheckRightFile, Remedy::CheckFile(path()),
        Remedy::EditFile(path()), Remedy::GiveDirectories, Remedy::UseLocalDirectory, Remedy::NameWritableDirectory,
        Remedy::NameAnotherFile, Remedy::OpenOutput, Remedy::MakeRoom, Remedy::FreeLedger,
        Remedy::WriteFleetUrl(path()), Remedy::UseFleetTls, Remedy::SetFleetLogin, Remedy::MakeFleetKey,
        Remedy::MakeOrDeriveFleetKey, Remedy::RemoveFleetKey, Remedy::MoveVouchedAway, Remedy::BringFleetKey, Remedy::NameFleetFile,
        Remedy::TakeFleetKeyFileOut, Remedy::BuildWithRedis, Remedy::LeaveFleetOut, Remedy::CheckFleetStore, Remedy::DiagnoseFleetStore,
        Remedy::RepeatWithFleetStore, Remedy::Diagnose, Remedy::Repeat, Remedy::Confirm, Remedy::ConfirmErasure,
        Remedy::Update, Remedy::SetClock, Remedy::CheckLimits, Remedy::InstallBoth("tokenkeep-full"),
        Remedy::ReportBug, Remedy::ReadCommandHelp("token get".to_owned()), Remedy::UseCommand("token get".to_owned()),
        Remedy::UseCommand("token get -p billing".to_owned()), Remedy::GiveSecretUnseen, Remedy::ReadHelp,
        Remedy::UseSimilar("--provider spotify".to_owned()), Remedy::UsePresentName("fleet key"),
    ];
    all.extend(keys.into_iter().flat_map(|key| [Remedy::BindAgain(key), Remedy::UndoEditOrGive(key)]));
    all.extend(mends.map(|mend| Remedy::Protect { path: path(), also: vec![path()], mend }));
    all
}

/// Every remedy with each of its lines: with a profile, without one, and while one is set.
pub(crate) fn lines() -> Vec<(Remedy, Vec<String>)> {
    let name = "billing";
    let seen = [(Some(name), false), (Some(name), true), (None, false)];
    let lines = |remedy: &Remedy| {
        seen.iter().map(|&(profile, is_being_set)| Seen { profile, is_being_set }.advice(remedy).into_owned()).collect()
    };
    examples().into_iter().map(|remedy| (remedy.clone(), lines(&remedy))).collect()
}

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn source(path: &str) -> String {
    std::fs::read_to_string(checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn there_is_an_example_of_every_remedy() {
    let source = source("src/error/remedy.rs");
    let (_, values) = source.split_once("pub enum Remedy {").expect("the list is there");
    let is_value = |line: &&str| {
        line.strip_prefix("    ").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    };
    let values = values.lines().filter(is_value).count();
    let examples: HashSet<_> = examples().iter().map(discriminant).collect();
    assert_eq!(examples.len(), values);
}

#[test]
fn every_hint_with_a_command_or_a_flag_is_followed_by_a_test_that_is_there() {
    for (remedy, lines) in lines() {
        let names_command = lines.iter().any(|line| line.contains("tokenkeep ") || line.contains(" --"));
        match held(&remedy) {
            Held::Followed(test) => {
                let (module, name) = test.rsplit_once("::").expect("a module and a name");
                let source = source(&format!("tests/suite/{}.rs", module.replace("::", "/")));
                let found = source.contains(&format!("\nfn {name}() {{")) || source.contains(&format!("    {name}:"));
                assert!(found, "{remedy:?}: there is no test {test}");
            }
            Held::NoCommand(why) => {
                assert!(
                    // `sudo -u` is for the user that owns the files; the other two are flags of other programs.
                    !names_command || matches!(remedy, Remedy::InstallBoth(_) | Remedy::RunAs(_) | Remedy::MapOwner),
                    "{remedy:?} has a command: {lines:?}"
                );
                assert!(!why.is_empty());
            }
        }
    }
}

#[test]
fn a_hint_has_no_word_that_does_not_work_when_it_is_pasted() {
    for (remedy, lines) in lines() {
        for line in lines {
            let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
            for word in words.filter(|word| word.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
                let is_known = PLACEHOLDERS.contains(&word) || NAMES.contains(&word) || word == "DPoP";
                assert!(is_known, "{remedy:?}: {word} in {line:?}");
            }
            // A user knows what to put in place of the dots after `sudo -u`: the command that failed.
            let has_dots = line.contains("...") && !matches!(remedy, Remedy::RunAs(_));
            assert!(!has_dots, "{remedy:?}: {line:?}");
            for word in ["anew", "once more", " where ", "whoever", "nobody"] {
                assert!(!line.contains(word), "{remedy:?}: {word} in {line:?}");
            }
            assert!(!line.contains('\n') && line.trim() == line && !line.contains("  "), "{line:?}");
        }
    }
}

#[test]
fn a_command_of_a_hint_carries_the_directories_that_were_typed() {
    let (config, data) = (Path::new("/a b"), Path::new("data"));
    let both = Directories::typed(Some(config), Some(data));
    let data = Directories::typed(None, Some(data));
    for (remedy, directories, said) in [
        (Remedy::Diagnose, &both, "run tokenkeep --config-dir '/a b' --data-dir data doctor"),
        (
            Remedy::ChooseBackend,
            &data,
            "run tokenkeep --data-dir data init --backend keyring, or tokenkeep --data-dir data init --backend file",
        ),
        (Remedy::ReadCommandHelp("token get".to_owned()), &data, "run tokenkeep token get --help"),
        (Remedy::InstallBoth("tokenkeep-full"), &both, "install tokenkeep and tokenkeep-full into the same folder"),
        (Remedy::NameProfile, &both, "add -p NAME"),
        (Remedy::Diagnose, &Directories::default(), "run tokenkeep doctor"),
    ] {
        assert_eq!(super::advice(&remedy, None, directories), said);
    }
}
