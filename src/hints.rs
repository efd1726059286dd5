//! All advice of the product, on one page: what each remedy is on the command line.

use std::borrow::Cow;
use std::path::Path;

use crate::duration;
use crate::error::{Error, Remedy};
use crate::escape::Escaped;
use crate::place::{Mend, Shown};
use crate::profile::Reference;

const START_OVER: &str = "restore the file `store`, or start over with another --data-dir";

/// Returns what to do about an error, if something helps.
pub(crate) fn of(error: &Error) -> Option<Cow<'static, str>> {
    let remedy = error.remedy()?;
    let advice = for_profile(remedy, error);
    Some(match (error.retry_after(), remedy) {
        // The same answer comes from the cache until then, whatever was mended meanwhile.
        (Some(left), Remedy::SetRightClient | Remedy::CorrectSecretIn(_)) if error.is_remembered() => {
            format!("{advice}; the issuer is asked again in {}", duration::show(left)).into()
        }
        _ => advice,
    })
}

/// Says a remedy in the words of the command line, with the profile that failed.
fn for_profile(remedy: &Remedy, error: &Error) -> Cow<'static, str> {
    match (remedy, error.profile()) {
        (Remedy::SetRightClient, Some(name)) => format!(
            "give the right secret: tokenkeep credentials set -p {name}, or with --client-id ID the right client"
        )
        .into(),
        (Remedy::TakeTypeAsBearer, Some(name)) => {
            format!(
                "if these are bearer tokens: tokenkeep credentials set -p {name} --token-type bearer, or token_type = \"bearer\" in the profile"
            )
            .into()
        }
        (Remedy::AcceptCaFile(path), Some(name)) => {
            format!("if the change is right: tokenkeep credentials set -p {name} --ca-file {}", quoted(path)).into()
        }
        (Remedy::SetCredentialAgain, Some(name)) => format!("run tokenkeep credentials set -p {name}").into(),
        (Remedy::SetRightKey, Some(name)) => {
            format!("give the right key: tokenkeep credentials set -p {name}, or correct what the profile says of it")
                .into()
        }
        _ => advice(remedy),
    }
}

/// Says a remedy in the words of the command line.
pub(crate) fn advice(remedy: &Remedy) -> Cow<'static, str> {
    Cow::Borrowed(match remedy {
        // Profiles.
        Remedy::NameProfile => "add -p NAME",
        Remedy::NameProfileOrDefault(path) => {
            return format!("add -p NAME, or set default_profile in {}", Shown(path)).into();
        }
        Remedy::SetFirstProfile => "run tokenkeep credentials set --provider spotify --client-id ID",
        Remedy::SetProfile(name) => {
            return format!("run tokenkeep credentials set -p {name} --token-url URL --client-id ID").into();
        }
        Remedy::UseProfile(name) => return format!("did you mean -p {name}?").into(),
        Remedy::SetCredential(name) => return format!("run tokenkeep credentials set -p {name}").into(),
        Remedy::SetCredentialAgain => "run tokenkeep credentials set again",
        Remedy::SetRightClient => "run tokenkeep credentials set with the right client id and secret",
        Remedy::SetRightKey => "run tokenkeep credentials set with the right key, or mend what the profile says of it",
        Remedy::LookAtProfile => "run tokenkeep credentials show, and set it again if it is the old one",
        Remedy::GiveClientId => "add --client-id ID",
        Remedy::NameIssuer => "add --provider PROVIDER, --issuer URL or --token-url URL",
        Remedy::SetRevocationUrl(name) => {
            return format!("run tokenkeep credentials set -p {name} --revocation-url URL").into();
        }
        Remedy::BindAgain => "run tokenkeep credentials set to bind the secret to the new place, or undo the edit",
        Remedy::RemoveBinding(path) => {
            return format!("take [binding] out of {}, and run tokenkeep credentials set again", Shown(path)).into();
        }
        Remedy::UndoEditOrGive(key) => {
            let flag = key.replace('_', "-");
            return format!("undo the edit, or say it: --{flag}; --replace starts anew").into();
        }
        Remedy::GiveCertificateFile => "add --certificate-file PEM",
        Remedy::GiveAssertionAudience => "add --issuer URL, or --assertion-audience token_endpoint",
        Remedy::SignWithKey => "add --auth private_key_jwt",
        Remedy::ReferToSecret => "name a secret that is read at each fetch: --secret-at-fetch file:PATH",
        Remedy::ReferToAssertion => "add --secret-at-fetch WHERE",
        Remedy::PutSecretThere => "put the secret there, or name another place with --secret-at-fetch WHERE",
        Remedy::RunProgram(command) => {
            return format!("run it yourself to see what it reports: {}", Escaped(command)).into();
        }
        Remedy::CorrectSecretIn(reference) => {
            return match reference {
                Reference::File(path) => format!("correct the secret in {}", Shown(path)),
                Reference::Env(name) => format!("correct the secret in the environment variable {}", Escaped(name)),
                Reference::Command(words) => {
                    let program = words.first().map(|program| Escaped(program).to_string()).unwrap_or_default();
                    format!("correct the secret that {program} prints")
                }
                Reference::GithubActions { .. } => "have the issuer trust this repository and its audience".to_owned(),
            }
            .into();
        }
        Remedy::GiveSecret => "give it with --secret-stdin or --secret-file PATH",
        Remedy::TryBasicEncoding(encoding) => {
            let encoding = encoding.name();
            return format!(
                "if the issuer refuses it: tokenkeep credentials set --basic-encoding {encoding} --secret-stdin"
            )
            .into();
        }
        Remedy::RestoreCertificate => "restore it, or change certificate_file of the profile",
        Remedy::RestoreCaFile => "restore it, or change ca_file of the profile",

        // The issuer.
        Remedy::GiveIssuerUrl => "give the issuer's https URL",
        Remedy::FillGap => "write your own value in its place",
        Remedy::GiveExactIssuer => "give --issuer exactly as the issuer writes it",
        Remedy::TakeIssuer(issuer) => return format!("run again with --issuer {}", quoted_text(issuer)).into(),
        Remedy::MendIssuerName => {
            "have the issuer's server name its public https URL (behind a proxy it must be told), or give --token-url URL"
        }
        Remedy::AllowHttp(host) => {
            return format!("give the issuer's https URL, or for development add --allow-http {}", quoted_text(host))
                .into();
        }
        Remedy::NamePlainHost => "add --allow-http HOST, such as --allow-http keycloak",
        Remedy::UseHttps => "give the issuer https, and run tokenkeep credentials set --replace without --allow-http",
        Remedy::WriteLoopback => "write http://127.0.0.1:PORT/, http://localhost:PORT/ or http://[::1]:PORT/",
        Remedy::CheckIssuer => "check --issuer, or give --token-url URL",
        Remedy::CheckTokenUrl => "check token_url of the profile",
        Remedy::CheckWayToIssuer => {
            "check what stands between this machine and the issuer: a firewall, a proxy, a list of allowed addresses"
        }
        Remedy::TakeTypeAsBearer => {
            "if these are bearer tokens: tokenkeep credentials set --token-type bearer, or token_type = \"bearer\" in the profile"
        }
        Remedy::AskWhetherIssuerMoved => "ask the issuer whether it moved; add --replace to pin the new endpoint",
        Remedy::GiveCertificates => "give the right certificates with --ca-file PEM, or check the clock",
        Remedy::MakeServerCertificate => {
            "make the server's certificate with openssl req -x509 ... -addext basicConstraints=CA:FALSE"
        }
        Remedy::UnsetCertificates(variable) => return format!("unset {variable}, or give --ca-file PEM").into(),
        Remedy::ConvertToPem(path) => {
            return format!("run openssl x509 -in {} -out ca.pem, and name that file", quoted(path)).into();
        }
        Remedy::UnsetProxy(variable) => return format!("unset {variable}, or set it to http://HOST:PORT").into(),
        Remedy::GiveProxyPassword(variable) => {
            return format!("set {variable} to http://USER:PASSWORD@HOST:PORT; it was asked once, and not again")
                .into();
        }
        Remedy::AllowThroughProxy => "have the proxy let the issuer through, or name its host in NO_PROXY",
        Remedy::CheckProxy(variable) => {
            return format!("check {variable}; NO_PROXY names hosts that are reached without it").into();
        }
        Remedy::CheckNetwork => "check the network, and token_url of the profile",
        Remedy::AllowGrant => "ask the issuer to let this client use the grant client_credentials",
        Remedy::CheckScope => "check --scope, and scopes of the profile",
        Remedy::CheckTarget => "check --resource and --audience, and those of the profile",
        Remedy::CompareProfile => "compare what tokenkeep credentials show says with what the issuer wants",
        Remedy::LeaveDpopOut => "leave dpop out of the profile where the issuer has none",
        Remedy::TryLater => "try again later; nothing that is stored was changed",
        Remedy::SeeProviders => "see docs/providers.md for those that have it",
        Remedy::GiveField { name, what: None } => return format!("add --with {name}=VALUE").into(),
        Remedy::GiveField { name, what: Some(what) } => return format!("add --with {name}=VALUE: {what}").into(),
        Remedy::GiveRequestPart { name, why } => return format!("add --{name} VALUE: {why}").into(),

        // Tokens.
        Remedy::LowerMinTtl(left) => {
            return format!("a token valid for {} is cached: --min-ttl 0", duration::show(*left)).into();
        }
        Remedy::AcceptCached(left) => {
            return format!("a token valid for {} is cached: leave --refresh out", duration::show(*left)).into();
        }
        Remedy::ContactIssuer => "leave out --offline to ask the issuer",
        Remedy::Wait(left) => {
            return format!("the same answer as before, not asked again for {}", duration::show(*left)).into();
        }
        Remedy::NameProvenRequest => "use --format dpop --method METHOD --url URL",
        Remedy::LeaveProofOut => "leave --format dpop out, or set the profile with --dpop",
        Remedy::GiveAudience => "add --audience A",
        Remedy::GiveKeysUrl => "add --jwks URL",
        Remedy::GiveAcceptedIssuer => "add --issuer ISSUER",

        // The place of secrets.
        Remedy::ChooseBackend => "run tokenkeep init --backend keyring, or --backend file",
        Remedy::ChooseFiles => "choose another place: tokenkeep init --backend file",
        Remedy::MoveToFiles => "run tokenkeep init --backend file --move",
        Remedy::UnlockKeyring => "unlock the keyring in your desktop session, and run it again",
        Remedy::UseSession => {
            "run it in your desktop session; to need none, run there once: tokenkeep init --backend file --move"
        }
        Remedy::MendBusAddress(socket) => {
            return format!(
                "DBUS_SESSION_BUS_ADDRESS names {}, where nothing listens: unset it, or run it in your desktop session; \
                 to need none, run there once: tokenkeep init --backend file --move",
                Shown(socket)
            )
            .into();
        }
        Remedy::MakeCollection => {
            "make a default keyring in your desktop session, or keep secrets in files: tokenkeep init --backend file"
        }
        Remedy::BuildWithKeyring => {
            "build it with the feature keyring, or move the secrets with tokenkeep init --backend file --move"
        }
        Remedy::MoveStored => "add --move to move them",
        Remedy::UseOneBackend => "use one of the two, or another --data-dir",
        Remedy::TakeBackendOut => "take backend and its key out of [secrets] in config.toml, and run it again",
        Remedy::RemoveProfilesOrRefer => {
            "remove the profiles, or have their secrets read at each fetch: --secret-at-fetch"
        }
        Remedy::NameProfilesOrClean => "give the --config-dir of their profiles, or run tokenkeep doctor --fix",
        Remedy::Clean => "run tokenkeep doctor --fix",
        Remedy::MoveAwayAndClean => "move it away, and run tokenkeep doctor --fix",
        Remedy::MoveFleetStateAway => {
            "restore it, or move it away and run tokenkeep fleet key import and fleet login set again"
        }
        Remedy::RestoreChoice => START_OVER,
        Remedy::RemoveForeignItems => "remove the ones that are not from tokenkeep with the keyring's own program",
        Remedy::TypePassphraseAgain => "type it once more",
        Remedy::GivePassphrase => "give it on a descriptor: TOKENKEEP_PASSPHRASE_FD=3 tokenkeep ... 3< file",
        Remedy::RunAsService => "run it as a systemd service with LoadCredentialEncrypted=, see docs/secrets.md",
        Remedy::RestoreKeyFile(path) => {
            return format!("restore {}, or run tokenkeep init --backend file where there never was one", Shown(path))
                .into();
        }
        Remedy::RestoreKeyFileOrStartOver => "restore the key file, or start anew with another --data-dir",
        Remedy::RestoreFirstKeyFile => "restore the key file that was used first",
        Remedy::MoveKeyFileAway(path) => {
            return format!("restore {}, or move it away and run tokenkeep init --backend file", Shown(path)).into();
        }
        Remedy::LengthenCredential => "give the service a credential of 32 bytes or more, see docs/secrets.md",
        Remedy::KeepKeyFileElsewhere => {
            "keep the key file where no backup of the data goes: tokenkeep init --backend file --key-file PATH --move"
        }

        // Files and directories.
        Remedy::UseDirectoryInside(path) => return inside(path).into(),
        Remedy::Protect { path, mend } => {
            let mode = match mend {
                Mend::OwnerOnlyFile => "600",
                Mend::OwnerOnlyDirectory => "700",
                Mend::NoOtherWriter => "go-w",
                // Nothing there is to be taken from others.
                Mend::DirectoryInside => return inside(path).into(),
            };
            return format!("run chmod {mode} {}", quoted(path)).into();
        }
        Remedy::RunAs(owner) => return format!("run sudo -u '#{owner}' tokenkeep ...").into(),
        Remedy::LookAndMoveAway => "look at what is there, and move it away",
        Remedy::CheckPermissions => "check its permissions and the free space there",
        Remedy::CheckDataDirectory => "check the permissions and the free space of the data directory",
        Remedy::CheckRightFile => "check that it is the right file",
        Remedy::CheckFile(path) => return format!("check {}", Shown(path)).into(),
        Remedy::EditFile(path) => return format!("edit {}", Shown(path)).into(),
        Remedy::GiveWritableDirectories => {
            "check its permissions, or name other directories: TOKENKEEP_CONFIG_DIR and TOKENKEEP_DATA_DIR"
        }
        Remedy::UseDataDirectory { path, variable } => return data_directory(path, *variable).into(),
        Remedy::UseDataDirectoryOrReplace { path, variable } => {
            return format!("{}; --replace keeps another secret here", data_directory(path, *variable)).into();
        }
        Remedy::MapOwner => {
            "run it where its owner is a user (podman: --userns=keep-id), or use a copy that belongs to you"
        }
        Remedy::AcceptCaFile(path) => {
            return format!("if the change is right: tokenkeep credentials set --ca-file {}", quoted(path)).into();
        }
        Remedy::GiveDirectories => {
            "set TOKENKEEP_CONFIG_DIR and TOKENKEEP_DATA_DIR, or give --config-dir DIR and --data-dir DIR"
        }
        Remedy::UseLocalDirectory => "use a local directory: --data-dir DIR",
        Remedy::NameWritableDirectory => "name a directory that can be written: tokenkeep man DIR",
        Remedy::NameAnotherFile => "name another file, or move it away",
        Remedy::OpenOutput => "run it again with the standard output open",
        Remedy::MakeRoom => "make room where the output goes, and run it again",
        Remedy::FreeLedger => "run it again, or end the program that has ledger.db open",

        // The fleet.
        Remedy::WriteFleetUrl(path) => return format!("write [fleet] and its url into {}", Shown(path)).into(),
        Remedy::UseFleetTls => "use rediss:// in `url` of [fleet]",
        Remedy::SetFleetLogin => "run tokenkeep fleet login set",
        Remedy::MakeFleetKey => "run tokenkeep fleet key new",
        Remedy::MakeFleetKeyForOthers => "tokenkeep fleet key new, and fleet key import on the other hosts",
        Remedy::MakeFleetKeyForAll => "run tokenkeep fleet key new, and import that key on every host",
        Remedy::BringFleetKey => "bring it from a host that has it: tokenkeep fleet key export PATH",
        Remedy::NameFleetFile => "name a file instead: `key_file`, or `password`, in [fleet] of config.toml",
        Remedy::TakeFleetKeyFileOut => "take `key_file` out of [fleet]",
        Remedy::BuildWithRedis => "build it with the feature redis, or take [fleet] out of config.toml",
        Remedy::LeaveFleetOut => "leave --fleet out",
        Remedy::CheckFleetStore => "check the store, and [fleet] of config.toml",
        Remedy::DiagnoseFleetStore => "check the store and [fleet] of config.toml: tokenkeep doctor",
        Remedy::RepeatWithFleetStore => "run it again when tokenkeep doctor finds the store",

        // This program and this machine.
        Remedy::Diagnose => "run tokenkeep doctor",
        Remedy::Repeat => "run it again",
        Remedy::Confirm => "add --yes",
        Remedy::ConfirmErasure => "add --yes to erase without a question",
        Remedy::Update => "update this tokenkeep",
        Remedy::SetClock => "timedatectl set-ntp true",
        Remedy::CheckLimits => "check what this process may open: ulimit -a",
        Remedy::InstallBoth(other) => return format!("install tokenkeep and {other} into the same folder").into(),
        Remedy::ReportBug => "report it with the output of RUST_BACKTRACE=1 and the command that was run",
        Remedy::ReadCommandHelp(command) => return format!("run tokenkeep {command} --help").into(),
        Remedy::ReadHelp => "run tokenkeep --help",
        Remedy::UseCommand(command) => return format!("did you mean tokenkeep {command}?").into(),
        Remedy::GiveSecretUnseen => {
            "leave it out and type it when it is asked for, or give --secret-stdin or --secret-file PATH; \
             take it out of the history of the shell"
        }
        Remedy::UseSimilar(word) => return format!("did you mean {word}? run tokenkeep --help").into(),
        Remedy::UsePresentName(word) => return format!("it is called {word} now").into(),
    })
}

fn inside(path: &Path) -> String {
    format!("use a directory inside it: --data-dir {}", quoted(&path.join("tokenkeep")))
}

fn data_directory(path: &Path, variable: Option<&str>) -> String {
    let there = format!("--data-dir {}", quoted(path));
    match variable {
        Some(variable) => format!("unset {variable}, or add {there}"),
        None => format!("use {there}"),
    }
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    quoted_text(&Shown(path).to_string())
}

fn quoted_text(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@:".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
