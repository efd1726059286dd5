//! What helps against a failure, in words and paths: the command line turns it into advice.

use std::path::PathBuf;
use std::time::Duration;

use crate::system::files::Mend;

/// The place that a secret is read from at each fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretPlace {
    /// This file.
    File(PathBuf),
    /// The environment variable of this name.
    Variable(String),
    /// The output of this program.
    Program(String),
    /// A job of GitHub Actions, which gives a token of its own.
    Actions,
}

/// What helps against a failure.
///
/// A library has no flags and no commands to name, so this names the thing to do. A program words it itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    // Profiles.
    /// Name the profile that is meant.
    NameProfile,
    /// Name the profile that is meant, or a default in this file.
    NameProfileOrDefault(PathBuf),
    /// Set up a first profile.
    SetFirstProfile,
    /// Set up the profile of this name.
    SetProfile(String),
    /// Use this profile, whose name looks like the one that was given.
    UseProfile(String),
    /// Get a token once, which finds the endpoints of the issuer.
    FindEndpoints,
    /// Set the variables that make a profile, all of them.
    SetVariables,
    /// Set the credential of this profile.
    SetCredential(String),
    /// Set the credential again: the stored one cannot be read.
    SetCredentialAgain,
    /// Set the client id and the secret that the issuer knows.
    SetRightClient,
    /// Set the key that the issuer knows, or correct the key's entry in the profile.
    SetRightKey,
    /// Look at the profile, and set it again if it is still the old one.
    LookAtProfile,
    /// Give the client identifier.
    GiveClientId,
    /// Name the issuer, its token endpoint or a provider.
    NameIssuer,
    /// Name the revocation endpoint of this profile.
    SetRevocationUrl(String),
    /// Set the credential again to bind it to the new value of this key, or undo the edit.
    BindAgain(&'static str),
    /// Take the binding out of this file, then set the credential again.
    RemoveBinding(PathBuf),
    /// Undo the edit of this key, give its value explicitly, or replace the profile.
    UndoEditOrGive(&'static str),
    /// Give a client's certificate.
    GiveCertificateFile,
    /// Give the issuer or the audience of an assertion.
    GiveAssertionAudience,
    /// Choose a method that signs with the key instead of sending it.
    SignWithKey,
    /// Name the place that the secret is read from at each fetch.
    ReferToSecret,
    /// Name the place that the assertion is read from at each fetch.
    ReferToAssertion,
    /// Put the secret at the place that the profile names, or name another one.
    PutSecretThere,
    /// Run the program that prints the secret, to see what it reports.
    RunProgram(String),
    /// Correct the secret at the place that the profile names.
    CorrectSecretIn(SecretPlace),
    /// Give a secret that is not typed.
    GiveSecret,
    /// Try this way to write the credential, `form` or `raw`, if the issuer refuses it.
    TryBasicEncoding(&'static str),
    /// Give the certificate file back, or change the profile.
    RestoreCertificate,
    /// Give the CA file back, or change the profile.
    RestoreCaFile,
    /// Put the value of a header at the place that the profile names, or change the profile.
    PutHeaderThere,
    /// Name the place that the value of a header is read from, or write a plain one into the profile.
    ReferToHeader,

    // The issuer.
    /// Give the issuer's https URL.
    GiveIssuerUrl,
    /// Write the value of this installation in place of the gap.
    FillGap,
    /// Give the issuer's name exactly as it writes it.
    GiveExactIssuer,
    /// Take this issuer, as its metadata writes it.
    TakeIssuer(String),
    /// Have the issuer name its public https URL: behind a proxy it takes itself for plain http.
    MendIssuerName,
    /// Give the issuer's https URL, or allow plain http to this private host.
    AllowHttp(String),
    /// Name a host of a private network, without a scheme and a port.
    NamePlainHost,
    /// Give the issuer https, then set the profile again without what allows plain http.
    UseHttps,
    /// Write the loopback address in its plain form.
    WriteLoopback,
    /// Check the issuer's URL, or give its token endpoint.
    CheckIssuer,
    /// Check the token endpoint of the profile.
    CheckTokenUrl,
    /// Check the revocation endpoint of the profile.
    CheckRevocationUrl,
    /// Check what stands between this machine and the issuer.
    CheckWayToIssuer,
    /// Have the type of this profile's tokens taken as Bearer, if that is what they are.
    TakeTypeAsBearer,
    /// Ask the issuer whether it moved; then replace the profile.
    AskWhetherIssuerMoved,
    /// Give the certificates that vouch for the issuer, or check the clock.
    GiveCertificates,
    /// Check the network, and the token endpoint of the profile.
    CheckNetwork,
    /// Make a certificate for the server that is not an authority's.
    MakeServerCertificate,
    /// Unset this variable, or have it name certificate authorities.
    UnsetCertificates(&'static str),
    /// Write the certificates of this file as PEM.
    ConvertToPem(PathBuf),
    /// Unset this variable, or have it name a proxy over http or https.
    UnsetProxy(&'static str),
    /// Give the user and the password of the proxy that this variable names.
    GiveProxyPassword(&'static str),
    /// Have the proxy let the issuer through.
    AllowThroughProxy,
    /// Check the proxy that this variable names.
    CheckProxy(&'static str),
    /// Have the issuer allow this client its grant.
    AllowGrant,
    /// Check the scopes of the request and of the profile.
    CheckScope,
    /// Check the resources and the audience of the request and of the profile.
    CheckTarget,
    /// Compare the profile with what the issuer wants.
    CompareProfile,
    /// Leave DPoP out of the profile: the issuer has none.
    LeaveDpopOut,
    /// Try again later.
    TryLater,
    /// Read which providers have it.
    SeeProviders,
    /// Give a value of the provider, which is described.
    GiveField {
        /// The name of the value.
        name: String,
        /// What it is, if that helps.
        what: Option<String>,
    },
    /// Give a part of the request without which the provider issues no token.
    GiveRequestPart {
        /// The name of the part.
        name: String,
        /// Why it is needed.
        why: String,
    },

    /// Name a host in `hosts` of a profile.
    NameHost(String),

    // Tokens.
    /// Accept the cached token, which is valid for this long.
    LowerMinTtl(Duration),
    /// Accept the cached token, which is valid for this long, instead of a new one.
    AcceptCached(Duration),
    /// Let the issuer be contacted.
    ContactIssuer,
    /// Wait: the answer is remembered for this long.
    Wait(Duration),
    /// Name the request that a proof is made for.
    NameProvenRequest,
    /// Take the token without a proof, or set the profile up for DPoP.
    LeaveProofOut,
    /// Give the audience that a token must be for.
    GiveAudience,
    /// Give the URL of the issuer's keys.
    GiveKeysUrl,
    /// Give the name of the issuer whose tokens are accepted.
    GiveAcceptedIssuer,

    // The place of secrets.
    /// Choose where secrets are kept.
    ChooseBackend,
    /// Choose sealed files.
    ChooseFiles,
    /// Move to sealed files while the keyring answers.
    MoveToFiles,
    /// Unlock the keyring, then repeat.
    UnlockKeyring,
    /// Use the keyring from the session that has it, or move the secrets out of it there.
    UseSession,
    /// Correct the address of the session's bus: nothing listens at this socket.
    MendBusAddress(PathBuf),
    /// Choose sealed files, or correct the address of the session's bus: nothing listens at this socket.
    ChooseFilesOrMendBus(PathBuf),
    /// Make a default keyring in the session, or choose sealed files.
    MakeCollection,
    /// Build the program with what speaks to keyrings, or move the secrets to sealed files.
    BuildWithKeyring,
    /// Move what is stored instead of starting over.
    MoveStored,
    /// Use one of the two places, or another data directory.
    UseOneBackend,
    /// Take the place out of the configuration, then repeat.
    TakeBackendOut,
    /// Remove the profiles, or have their secrets read at each fetch.
    RemoveProfilesOrRefer,
    /// Name the directory of the profiles, or put aside what none of them names.
    NameProfilesOrClean,
    /// Remove what was left behind.
    Clean,
    /// Move a damaged file away, then remove what was left behind.
    MoveAwayAndClean,
    /// Give the damaged file of the fleet back, or move it away, import the key and set the login again.
    MoveFleetStateAway,
    /// Give the damaged file of vouched clients back, or move it away and vouch again.
    MoveVouchedAway,
    /// Give the file `store` back, or start over with another data directory.
    RestoreChoice,
    /// Remove the items of the keyring that are from another program.
    RemoveForeignItems,
    /// Type the passphrase again.
    TypePassphraseAgain,
    /// Hand the passphrase in on a descriptor.
    GivePassphrase,
    /// Run as a service that is given the credential.
    RunAsService,
    /// Give this key file back, or choose files if there never was one.
    RestoreKeyFile(PathBuf),
    /// Give the key file back, or start over with another data directory.
    RestoreKeyFileOrStartOver,
    /// Give back the key file that was used first.
    RestoreFirstKeyFile,
    /// Move this key file away; another one is made in its place.
    MoveKeyFileAway(PathBuf),
    /// Have the service manager hand in a longer credential.
    LengthenCredential,
    /// Keep the key file where no backup of the data goes.
    KeepKeyFileElsewhere,

    // Files and directories.
    /// Use a directory inside this one, which serves others too.
    UseDirectoryInside(PathBuf),
    /// Take a file or directory out of the reach of others.
    Protect {
        /// The file or directory.
        path: PathBuf,
        /// Files of the same configuration that are as open.
        also: Vec<PathBuf>,
        /// What others lose.
        mend: Mend,
    },
    /// Run as the user of this number, to whom it belongs.
    RunAs(u32),
    /// Look at what is there, and move it away.
    LookAndMoveAway,
    /// Check the permissions and the free space there.
    CheckPermissions,
    /// Check the permissions and the free space of the data directory.
    CheckDataDirectory,
    /// Check that it is the right file.
    CheckRightFile,
    /// Check this file.
    CheckFile(PathBuf),
    /// Edit this file.
    EditFile(PathBuf),
    /// Have HOME name the home of this user, or name other directories.
    SetHome,
    /// Give directories that can be written.
    GiveWritableDirectories,
    /// Use the data directory that keeps the secret of the profile.
    UseDataDirectory {
        /// The directory.
        path: PathBuf,
        /// The variable that names another one.
        variable: Option<&'static str>,
    },
    /// The same for a command that would set the secret of the profile in another data directory.
    UseDataDirectoryOrReplace {
        /// The directory.
        path: PathBuf,
        /// The variable that names another one.
        variable: Option<&'static str>,
    },
    /// Run in a user namespace that has the owner of the file, or make a copy of it.
    MapOwner,
    /// Set the credential with the CA file as it is now, if the change is right.
    AcceptCaFile(PathBuf),
    /// Give the directories, because the user has no home.
    GiveDirectories,
    /// Use a data directory on a file system that locks files.
    UseLockingDirectory,
    /// Use a local directory for data.
    UseLocalDirectory,
    /// Name a directory that can be written.
    NameWritableDirectory,
    /// Name another file, or move the present one away.
    NameAnotherFile,
    /// Repeat with an output that is open for writing.
    OpenOutput,
    /// Make room for the output, then repeat.
    MakeRoom,
    /// End the program that holds the ledger, or repeat.
    FreeLedger,

    // The fleet.
    /// Write the table of the fleet and its URL into this file.
    WriteFleetUrl(PathBuf),
    /// Use TLS for the fleet store.
    UseFleetTls,
    /// Set the login of the fleet store.
    SetFleetLogin,
    /// Make a fleet key.
    MakeFleetKey,
    /// Make a fleet key, or vouch that the secret of this profile is random.
    MakeOrDeriveFleetKey,
    /// Remove the fleet key that is kept here.
    RemoveFleetKey,
    /// Bring the fleet key from a host that has it.
    BringFleetKey,
    /// Name a file for the key or the password of the fleet.
    NameFleetFile,
    /// Take the fleet's key file out of the configuration.
    TakeFleetKeyFileOut,
    /// Build the program with what speaks to fleet stores, or leave the fleet out.
    BuildWithRedis,
    /// Leave the fleet out.
    LeaveFleetOut,
    /// Check the fleet store and its configuration.
    CheckFleetStore,
    /// Have the fleet store and its configuration checked.
    DiagnoseFleetStore,
    /// Repeat when the fleet store answers.
    RepeatWithFleetStore,

    // This program and this machine.
    /// Have this installation checked.
    Diagnose,
    /// Repeat.
    Repeat,
    /// Confirm beforehand, because there is no terminal for the question.
    Confirm,
    /// Confirm the erasure beforehand.
    ConfirmErasure,
    /// Update this program.
    Update,
    /// Set the clock of this machine.
    SetClock,
    /// Set the clock of this machine: the issuer's is ahead by this much, or behind.
    SetClockLikeIssuer {
        /// By how many seconds it is ahead.
        seconds: i64,
    },
    /// Check what this process may open.
    CheckLimits,
    /// Install both programs, of which this is the other, into the same folder.
    InstallBoth(&'static str),
    /// Report the bug.
    ReportBug,
    /// Read how this command is used, which is named by its words.
    ReadCommandHelp(String),
    /// Use this command, named by its words, in place of the one that was given.
    UseCommand(String),
    /// Give the secret in a way that no other process and no history sees.
    GiveSecretUnseen,
    /// Read which commands there are.
    ReadHelp,
    /// Use this word, which looks like the one that was given.
    UseSimilar(String),
    /// Use this word, which is the present name of the one that was given.
    UsePresentName(&'static str),
}
