//! All advice of the product, on one page: what each remedy is on the command line.

use std::borrow::Cow;
use std::time::Duration;

use super::words::{data_directory, inside, place_of, protect, quoted, quoted_text, value_of};
use crate::encoding::duration;
use crate::encoding::escape::Escaped;
use crate::error::{Remedy, SecretPlace};
use crate::system::files::EscapedPath;

/// What was seen of the command that failed.
pub(super) struct Seen<'a> {
    pub(super) profile: Option<&'a str>,
    /// The command was to set this profile: advice adds to it, because what it would set is not there.
    pub(super) is_being_set: bool,
}

impl Seen<'_> {
    /// Returns the command that sets a profile that is there; `None` if it is the one that failed.
    fn setting(&self) -> Option<String> {
        let name = self.profile.filter(|_| !self.is_being_set)?;
        Some(format!("tokenkeep credentials set -p {name}"))
    }

    pub(super) fn advice(&self, remedy: &Remedy) -> Cow<'static, str> {
        // For a command that takes a profile.
        let named = self.profile.map(|name| format!(" -p {name}")).unwrap_or_default();
        Cow::Borrowed(match remedy {
            // Profiles.
            Remedy::NameProfile => "add -p NAME",
            Remedy::NameProfileOrDefault(path) => {
                return format!("add -p NAME, or set default_profile in {}", EscapedPath(path)).into();
            }
            Remedy::SetFirstProfile => "run tokenkeep credentials set --provider spotify --client-id ID",
            Remedy::SetProfile(name) => {
                return format!("run tokenkeep credentials set -p {name} --token-url URL --client-id ID").into();
            }
            Remedy::UseProfile(name) => return format!("did you mean -p {name}?").into(),
            Remedy::FindEndpoints => "run tokenkeep token get, which requests them from the issuer",
            Remedy::SetVariables => {
                "correct that variable; TOKENKEEP_CLIENT_ID and TOKENKEEP_SECRET_FILE are needed, and TOKENKEEP_TOKEN_URL or \
                 TOKENKEEP_PROVIDER, or unset all of them"
            }
            Remedy::SetCredential(name) => return format!("run tokenkeep credentials set -p {name}").into(),
            // A rekey and a move read the secrets of all profiles.
            Remedy::SetCredentialAgain if self.profile.is_none() => {
                "run tokenkeep doctor, which names its profile, and set that again"
            }
            Remedy::SetCredentialAgain => return format!("run tokenkeep credentials set{named}").into(),
            Remedy::SetRightClient => match self.setting() {
                Some(set) => {
                    return format!("give the right secret: {set}, or with --client-id ID the right client").into();
                }
                None => "run it again with the right secret, or with the right --client-id ID",
            },
            Remedy::SetRightKey => match self.setting() {
                Some(set) => {
                    return format!("give the right key: {set}, or correct the keys of the profile that describe it")
                        .into();
                }
                None => "run it again with the right key, or correct the flags that describe it",
            },
            Remedy::LookAtProfile => {
                return format!("run tokenkeep credentials show{named}, and set it again if it is the old one").into();
            }
            Remedy::GiveClientId => "add --client-id ID",
            Remedy::NameIssuer => "add --provider PROVIDER, --issuer URL or --token-url URL",
            Remedy::SetRevocationUrl(name) => {
                return format!("run tokenkeep credentials set -p {name} --revocation-url URL").into();
            }
            Remedy::BindAgain(key) => {
                let value = value_of(key).map(|flag| format!(" {flag}")).unwrap_or_default();
                return format!("undo the edit, or bind the secret to it: tokenkeep credentials set{named}{value}")
                    .into();
            }
            Remedy::RemoveBinding(path) => {
                return format!(
                    "take [binding] out of {}, then run tokenkeep credentials set{named}",
                    EscapedPath(path)
                )
                .into();
            }
            Remedy::UndoEditOrGive(key) => match value_of(key) {
                Some(flag) => return format!("undo the edit, or add {flag} to change it").into(),
                None => "undo the edit, or set the profile up again: add --replace",
            },
            Remedy::GiveCertificateFile => "add --certificate-file PEM",
            Remedy::GiveAssertionAudience => "add --issuer URL, or --assertion-audience token_endpoint",
            Remedy::SignWithKey => "add --auth private_key_jwt",
            Remedy::ReferToSecret => match self.setting() {
                Some(set) => {
                    return format!("have the secret read at each fetch: {set} --secret-at-fetch file:PATH").into();
                }
                None => "have the secret read at each fetch: add --secret-at-fetch file:PATH",
            },
            Remedy::ReferToAssertion => "add --secret-at-fetch file:PATH",
            Remedy::CorrectSecretIn(SecretPlace::Actions) => {
                "have the issuer trust this repository and the audience of the profile"
            }
            Remedy::CorrectSecretIn(place) => {
                let place = place_of(place);
                return match self.setting() {
                    Some(set) => {
                        format!("correct what {place}, or name another place: {set} --secret-at-fetch file:PATH")
                    }
                    None => format!("correct what {place}, or name another place with --secret-at-fetch file:PATH"),
                }
                .into();
            }
            Remedy::RunProgram(command) => {
                return format!("run it yourself to see what it reports: {}", Escaped(command)).into();
            }
            Remedy::PutHeaderThere => "put the value there, or change headers of the profile",
            Remedy::ReferToHeader => {
                "name the place that it is read from: --header NAME=file:PATH or --header NAME=env:VARIABLE; write a plain \
                 value into the profile by hand, then --header NAME takes it; take a typed one out of the history of the shell"
            }
            Remedy::PutSecretThere => match self.setting() {
                Some(set) => {
                    return format!("put the secret there, or name another place: {set} --secret-at-fetch file:PATH")
                        .into();
                }
                None => "put the secret there, or name another place with --secret-at-fetch file:PATH",
            },
            Remedy::GiveSecret => "give it with --secret-stdin or --secret-file PATH",
            Remedy::TryBasicEncoding(encoding) => {
                return format!(
                    "if the issuer refuses it: tokenkeep credentials set{named} --basic-encoding {encoding}"
                )
                .into();
            }
            Remedy::RestoreCertificate => match self.setting() {
                Some(set) => return format!("restore it, or name another file: {set} --certificate-file PEM").into(),
                None => "restore it, or name another file with --certificate-file PEM",
            },
            Remedy::RestoreCaFile => match self.setting() {
                Some(set) => return format!("restore it, or name another file: {set} --ca-file PEM").into(),
                None => "restore it, or name another file with --ca-file PEM",
            },

            // The issuer.
            Remedy::GiveIssuerUrl => match self.setting() {
                Some(set) => return format!("give the issuer's https URL: {set} --token-url URL").into(),
                None => "give the issuer's https URL",
            },
            Remedy::FillGap => "write your own value in its place",
            Remedy::GiveExactIssuer => "give --issuer exactly as the issuer writes it",
            Remedy::TakeIssuer(issuer) => return format!("run again with --issuer {}", quoted_text(issuer)).into(),
            Remedy::MendIssuerName => {
                "have the issuer's server name its public https URL (behind a proxy it has to be configured), or give --token-url URL"
            }
            Remedy::AllowHttp(host) => {
                return format!(
                    "give the issuer's https URL, or for development add --allow-http {}",
                    quoted_text(host)
                )
                .into();
            }
            Remedy::NamePlainHost => {
                "write --allow-http HOST without a scheme and a port, such as --allow-http keycloak"
            }
            Remedy::UseHttps => {
                return format!(
                    "give the issuer https, then run tokenkeep credentials set{named} --replace --token-url URL --client-id ID"
                )
                .into();
            }
            Remedy::WriteLoopback => "write http://127.0.0.1:PORT/, http://localhost:PORT/ or http://[::1]:PORT/",
            Remedy::CheckIssuer => "check --issuer, or give --token-url URL",
            Remedy::CheckTokenUrl if self.is_being_set => "check --token-url",
            Remedy::CheckTokenUrl => return format!("check token_url: tokenkeep credentials show{named}").into(),
            Remedy::CheckWayToIssuer => {
                "check for a firewall, a proxy or a list of allowed addresses between this machine and the issuer"
            }
            Remedy::TakeTypeAsBearer => match self.setting() {
                Some(set) => return format!("if these are bearer tokens: {set} --token-type bearer").into(),
                None => "if these are bearer tokens, add --token-type bearer",
            },
            Remedy::AskWhetherIssuerMoved => "ask the issuer whether it moved; add --replace to pin the new endpoint",
            Remedy::GiveCertificates => match self.setting() {
                Some(set) => {
                    return format!("give the right certificates: {set} --ca-file PEM, or check the clock").into();
                }
                None => "add --ca-file PEM with the right certificates, or check the clock",
            },
            Remedy::MakeServerCertificate => {
                "make the server's certificate again: give openssl req -x509 the option -addext basicConstraints=CA:FALSE"
            }
            Remedy::UnsetCertificates(variable) => {
                return format!("run unset {variable}, or set it to certificates in PEM").into();
            }
            Remedy::ConvertToPem(path) => {
                return format!("run openssl x509 -in {} -out ca.pem, and name that file", quoted(path)).into();
            }
            Remedy::UnsetProxy(variable) => {
                return format!("run unset {variable}, or set it to http://HOST:PORT").into();
            }
            Remedy::GiveProxyPassword(variable) => {
                return format!(
                    "set {variable} to http://USER:PASSWORD@HOST:PORT; the proxy was tried once, and not again"
                )
                .into();
            }
            Remedy::AllowThroughProxy => "have the proxy let the issuer through, or name its host in NO_PROXY",
            Remedy::CheckProxy(variable) => {
                return format!("check {variable}; NO_PROXY names hosts that are reached without it").into();
            }
            Remedy::CheckRevocationUrl => {
                return format!("check revocation_url: tokenkeep credentials show{named}").into();
            }
            Remedy::CheckNetwork if self.is_being_set => "check the network, and --token-url",
            Remedy::CheckNetwork => {
                return format!("check the network, and token_url: tokenkeep credentials show{named}").into();
            }
            Remedy::AllowGrant => "ask the issuer to let this client use the grant client_credentials",
            Remedy::CheckScope => "check --scope, and scopes of the profile",
            Remedy::CheckTarget => "check --resource and --audience, and those of the profile",
            Remedy::CompareProfile if self.is_being_set => "compare what was typed with what the issuer wants",
            Remedy::CompareProfile => {
                return format!("compare the profile with what the issuer wants: tokenkeep credentials show{named}")
                    .into();
            }
            Remedy::LeaveDpopOut => match self.setting() {
                Some(set) => return format!("if the issuer has no DPoP: {set} --dpop=false").into(),
                None => "leave --dpop out, or add --dpop=false if the profile has it",
            },
            Remedy::TryLater => "try again later; nothing that is stored was changed",
            Remedy::SeeProviders => "see docs/providers.md for those that have it",
            Remedy::GiveField { name, what: None } => return format!("add --with {name}=VALUE").into(),
            Remedy::GiveField { name, what: Some(what) } => return format!("add --with {name}=VALUE: {what}").into(),
            Remedy::GiveRequestPart { name, why } => return format!("add --{name} VALUE: {why}").into(),

            Remedy::NameHost(host) => {
                let profile = self.profile.unwrap_or("NAME");
                let host = quoted_text(host);
                return format!(
                    "run tokenkeep credentials set -p {profile} --host {host}, with a --host for each other host of that \
                     profile"
                )
                .into();
            }

            // Tokens.
            Remedy::LowerMinTtl(left) => {
                return format!("a token valid for {} is cached: --min-ttl 0", duration::show(*left)).into();
            }
            Remedy::AcceptCached(left) => {
                return format!("a token valid for {} is cached: leave --refresh out", duration::show(*left)).into();
            }
            Remedy::ContactIssuer => "leave out --offline to contact the issuer",
            Remedy::Wait(left) => {
                return format!("the same answer as before; the next request is possible in {}", duration::show(*left))
                    .into();
            }
            Remedy::NameProvenRequest => "use --format dpop --method METHOD --url URL",
            Remedy::LeaveProofOut => {
                return format!("leave --format dpop out, or run tokenkeep credentials set{named} --dpop").into();
            }
            Remedy::GiveAudience => "add --audience A",
            Remedy::GiveKeysUrl => "add --jwks URL",
            Remedy::GiveAcceptedIssuer => "add --issuer ISSUER",

            // The place of secrets.
            Remedy::ChooseBackend => "run tokenkeep init --backend keyring, or tokenkeep init --backend file",
            Remedy::ChooseFiles => "choose another place: tokenkeep init --backend file",
            Remedy::MoveToFiles => "run tokenkeep init --backend file --move",
            Remedy::UnlockKeyring => "unlock the keyring in your desktop session, and run it again",
            Remedy::UseSession => {
                "run it in your desktop session; to need none, run there once: tokenkeep init --backend file --move"
            }
            Remedy::MendBusAddress(socket) => {
                return format!(
                    "DBUS_SESSION_BUS_ADDRESS names {}, but nothing listens there: unset it, or run it in your desktop \
                     session; to need none, run there once: tokenkeep init --backend file --move",
                    EscapedPath(socket)
                )
                .into();
            }
            Remedy::ChooseFilesOrMendBus(socket) => {
                return format!(
                    "choose another place: tokenkeep init --backend file; nothing listens at {}, which \
                     DBUS_SESSION_BUS_ADDRESS names",
                    EscapedPath(socket)
                )
                .into();
            }
            Remedy::MakeCollection => {
                "make a default keyring in your desktop session, or keep secrets in files: tokenkeep init --backend file"
            }
            Remedy::BuildWithKeyring => {
                "build it with the feature keyring, or move the secrets with the command line: \
                 tokenkeep init --backend file --move"
            }
            Remedy::MoveStored => "add --move to move them",
            Remedy::UseOneBackend => "edit [secrets] in config.toml, or add --data-dir DIR",
            Remedy::TakeBackendOut => "take backend and its key out of [secrets] in config.toml, and run it again",
            Remedy::RemoveProfilesOrRefer => {
                "remove the profiles, or have each secret read at each fetch: \
                 tokenkeep credentials set -p NAME --secret-at-fetch file:PATH"
            }
            Remedy::NameProfilesOrClean => "add --config-dir DIR with their profiles, or run tokenkeep doctor --fix",
            Remedy::Clean => "run tokenkeep doctor --fix",
            Remedy::MoveAwayAndClean => "move it away, then run tokenkeep doctor --fix",
            Remedy::MoveFleetStateAway => {
                "restore it, or move it away, then run tokenkeep fleet key import PATH, and tokenkeep fleet login set"
            }
            Remedy::MoveVouchedAway => {
                return format!("restore it, or move it away, then run tokenkeep fleet key derive{named}").into();
            }
            Remedy::RestoreChoice => "restore the file `store`, or start over in another directory: add --data-dir DIR",
            Remedy::RemoveForeignItems => "remove the items of other programs with the keyring's own program",
            Remedy::TypePassphraseAgain => "type it again",
            Remedy::GivePassphrase => {
                "give it on a descriptor: put TOKENKEEP_PASSPHRASE_FD=3 before the command, and 3< PATH after it"
            }
            Remedy::RunAsService => "run it as a systemd service with LoadCredentialEncrypted=, see docs/secrets.md",
            Remedy::RestoreKeyFile(path) => {
                return format!(
                    "restore {}, or if there never was one, run tokenkeep init --backend file",
                    EscapedPath(path)
                )
                .into();
            }
            Remedy::RestoreKeyFileOrStartOver => {
                "restore the key file, or start over in another directory: add --data-dir DIR"
            }
            Remedy::RestoreFirstKeyFile => "restore the key file that was used first",
            Remedy::MoveKeyFileAway(path) => {
                let file = quoted(path);
                return format!(
                    "restore {}, or move it away, then run tokenkeep init --backend file --key-file {file}",
                    EscapedPath(path)
                )
                .into();
            }
            Remedy::LengthenCredential => "give the service a credential of 32 bytes or more, see docs/secrets.md",
            Remedy::KeepKeyFileElsewhere => {
                "keep the key file out of the backups of the data: tokenkeep init --backend file --key-file PATH --move"
            }

            // Files and directories.
            Remedy::UseDirectoryInside(path) => return inside(path).into(),
            Remedy::Protect { path, also, mend } => return protect(path, also, *mend).into(),
            Remedy::RunAs(owner) => return format!("run sudo -u '#{owner}' tokenkeep ...").into(),
            Remedy::LookAndMoveAway => "look at what is there, and move it away",
            Remedy::CheckPermissions => "check its permissions and the free space there",
            Remedy::CheckDataDirectory => "check the permissions and the free space of the data directory",
            Remedy::CheckRightFile => "check that it is the right file",
            Remedy::CheckFile(path) => return format!("check {}", EscapedPath(path)).into(),
            Remedy::EditFile(path) => return format!("edit {}", EscapedPath(path)).into(),
            Remedy::SetHome => {
                "set HOME to a home of this user (sudo -H does), or name other directories: add --config-dir DIR --data-dir DIR"
            }
            Remedy::GiveWritableDirectories => {
                "check its permissions, or name other directories: add --config-dir DIR --data-dir DIR, or set \
                 TOKENKEEP_CONFIG_DIR and TOKENKEEP_DATA_DIR"
            }
            Remedy::UseDataDirectory { path, variable } => return data_directory(path, *variable).into(),
            Remedy::UseDataDirectoryOrReplace { path, variable } => {
                return format!("{}; --replace keeps another secret here", data_directory(path, *variable)).into();
            }
            Remedy::MapOwner => {
                "map its owner into the user namespace (podman run --userns=keep-id), or use a copy that belongs to you"
            }
            Remedy::AcceptCaFile(path) => {
                let file = quoted(path);
                return format!("if the change is right: tokenkeep credentials set{named} --ca-file {file}").into();
            }
            Remedy::GiveDirectories => {
                "add --config-dir DIR --data-dir DIR, or set TOKENKEEP_CONFIG_DIR and TOKENKEEP_DATA_DIR"
            }
            Remedy::UseLockingDirectory => {
                "keep the data directory on a file system that locks files: add --data-dir DIR"
            }
            Remedy::UseLocalDirectory => "keep the data directory on a local disk",
            Remedy::NameWritableDirectory => "name a directory that can be written: tokenkeep man DIR",
            Remedy::NameAnotherFile => "name another file, or move it away",
            Remedy::OpenOutput => "run it again with the standard output open",
            Remedy::MakeRoom => "make room for the output, and run it again",
            Remedy::FreeLedger => "run it again, or end the program that has ledger.db open",

            // The fleet.
            Remedy::WriteFleetUrl(path) => {
                return format!("write [fleet] and its url into {}", EscapedPath(path)).into();
            }
            Remedy::UseFleetTls => "use rediss:// in `url` of [fleet]",
            Remedy::SetFleetLogin => "run tokenkeep fleet login set",
            Remedy::MakeFleetKey => "run tokenkeep fleet key new",
            Remedy::MakeOrDeriveFleetKey => {
                return format!(
                    "run tokenkeep fleet key new, and import that key on the other hosts; or, if an issuer made the \
                     secret at random: tokenkeep fleet key derive{named}"
                )
                .into();
            }
            Remedy::RemoveFleetKey => "run tokenkeep fleet key remove",
            Remedy::BringFleetKey => "copy it from a host that has it: tokenkeep fleet key export PATH",
            Remedy::NameFleetFile => "name a file instead: `key_file`, or `password`, in [fleet] of config.toml",
            Remedy::TakeFleetKeyFileOut => "take `key_file` out of [fleet]",
            Remedy::BuildWithRedis => "build it with the feature redis, or take [fleet] out of config.toml",
            Remedy::LeaveFleetOut => "leave --fleet out",
            Remedy::CheckFleetStore => "check the store, and [fleet] of config.toml",
            Remedy::DiagnoseFleetStore => "check the store and [fleet] of config.toml: tokenkeep doctor",
            Remedy::RepeatWithFleetStore => "run it again when the store answers: tokenkeep doctor",

            // This program and this machine.
            Remedy::Diagnose => "run tokenkeep doctor",
            Remedy::Repeat => "run it again",
            Remedy::Confirm => "add --yes",
            Remedy::ConfirmErasure => "add --yes to erase without a question",
            Remedy::Update => "update this tokenkeep",
            Remedy::SetClockLikeIssuer { seconds } => {
                let apart = duration::show(Duration::from_secs(seconds.unsigned_abs()));
                let way = if *seconds < 0 { "behind" } else { "ahead of" };
                return format!(
                    "the issuer's clock is {apart} {way} this machine's: set the clock, timedatectl set-ntp true"
                )
                .into();
            }
            Remedy::SetClock => "run timedatectl set-ntp true",
            Remedy::CheckLimits => "check what this process may open: ulimit -a",
            Remedy::InstallBoth(other) => return format!("install tokenkeep and {other} into the same folder").into(),
            Remedy::ReportBug => "report it with the output of RUST_BACKTRACE=1 and the command that was run",
            Remedy::ReadCommandHelp(command) => return format!("run tokenkeep {command} --help").into(),
            Remedy::ReadHelp => "run tokenkeep --help",
            Remedy::UseCommand(command) => return format!("did you mean tokenkeep {command}?").into(),
            Remedy::GiveSecretUnseen => {
                "leave it out and type it at the prompt, or give --secret-stdin or --secret-file PATH; \
                 take it out of the history of the shell"
            }
            Remedy::UseSimilar(word) => return format!("did you mean {word}? run tokenkeep --help").into(),
            Remedy::UsePresentName(word) => return format!("it is called {word} now").into(),
        })
    }
}
