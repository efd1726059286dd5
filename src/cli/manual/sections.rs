//! The parts of a manual page that clap does not know: exit codes, variables, files, examples.

use clap_mangen::roff::{Roff, bold, roman};

use crate::error::{Code, ErrorKind};
use crate::exit;

const ENVIRONMENT: &[(&str, &str)] = &[
    ("TOKENKEEP_PROFILE", "The profile, where no -p names one."),
    ("TOKENKEEP_CONFIG_DIR", "The configuration directory: an absolute path."),
    ("TOKENKEEP_DATA_DIR", "The data directory: an absolute path."),
    (
        "TOKENKEEP_TOKEN_URL (or TOKENKEEP_PROVIDER), TOKENKEEP_CLIENT_ID, TOKENKEEP_SECRET_FILE",
        "Make one whole profile, which is called env and meant if no other is named. TOKENKEEP_SCOPES and the like set the \
         other plain keys of a profile. No variable holds a secret, a command or allow_http.",
    ),
    (
        "TOKENKEEP_KEY_FILE",
        "The key file of sealed files, if config.toml names no place for secrets: an absolute path.",
    ),
    ("TOKENKEEP_LOG", "How much is told on stderr: error, warn, info, debug or trace."),
    ("TOKENKEEP_PASSPHRASE_FD", "The number of a descriptor whose first line is the passphrase; no prompt then."),
    ("NO_COLOR", "Where it is not empty, messages are not coloured."),
    (
        "HTTPS_PROXY, ALL_PROXY",
        "The proxy for requests over https: http://[USER:PASSWORD@]HOST[:PORT], or https://. The password ends at the \
         last @. SOCKS is refused. Plain http and loopback go through no proxy.",
    ),
    (
        "NO_PROXY",
        "The hosts that are reached without it, separated by commas, semicolons or blanks: names with their subdomains, \
         addresses, networks (10.0.0.0/8), or * for all. HOST:PORT is for that port only.",
    ),
    ("CREDENTIALS_DIRECTORY", "Where systemd puts the credential that init --key-credential names."),
];

const FILES: &[(&str, &str)] = &[
    ("~/.config/tokenkeep", "The configuration directory on Linux; $XDG_CONFIG_HOME moves it. doctor names it."),
    ("    config.toml", "The default profile, and settings."),
    ("    profiles/NAME.toml", "A profile: what is asked for, and where. It holds no secret."),
    ("    key", "The key file of init --backend file, unless --key-file names another."),
    ("~/.local/share/tokenkeep", "The data directory on Linux; $XDG_DATA_HOME moves it. doctor names it."),
    ("    store", "Which place for secrets was chosen."),
    ("    secrets/, tokens/", "Secrets and tokens, sealed."),
    ("    configurations", "Which configuration directories store secrets here."),
    ("    shared", "Which fleet key and which login of the fleet store are the present ones."),
    ("    locks/, *.lock", "Empty files that processes take turns by."),
    (
        "    ledger.db, ledger.pending/",
        "The history of requests that stats sums up, and entries that wait to get there.",
    ),
];

const EXAMPLES: &[(&str, &str)] = &[
    ("tokenkeep init --backend file", "Keeps secrets in sealed files, once and for all."),
    ("tokenkeep credentials set --provider spotify --client-id ID", "Asks for the client's secret and stores it."),
    (
        "tokenkeep credentials set -p billing --token-url URL --client-id ID --secret-stdin < FILE",
        "The same for any issuer, in a script.",
    ),
    ("curl -H \"$(tokenkeep token get -p billing --format header)\" URL", "Calls an API."),
    ("tokenkeep token get --min-ttl 5m", "Prints a token that lasts for another five minutes."),
    ("tokenkeep stats --since 7d", "Shows what the last seven days have asked of issuers."),
];

/// The sections that the page of the whole command ends with.
pub(super) fn of_the_first_page() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("After each colon: what --json calls the errors.")]);
    entry(&mut roff, "0", "Done; warnings are possible.");
    let mut codes = Code::all().peekable();
    while let Some(first) = codes.next() {
        let mut group = vec![first];
        group.extend(std::iter::from_fn(|| codes.next_if(|code| code.kind() == first.kind())));
        entry(&mut roff, &exit::code(first).to_string(), &told(&group));
    }
    entry(&mut roff, "130, 143", "Interrupted, or ended by SIGTERM.");
    for (heading, entries) in [("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("EXAMPLES", EXAMPLES)] {
        roff.control("SH", [heading]);
        entries.iter().for_each(|(term, text)| entry(&mut roff, term, text));
    }
    roff.to_roff()
}

/// The section that every other page ends with.
pub(super) fn of_other_pages() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("tokenkeep"), roman("(1), for exit codes, variables and files")]);
    roff.to_roff()
}

fn entry(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

/// Describes the codes of one exit code: their meaning, their names, and which of them may go away by themselves.
fn told(codes: &[Code]) -> String {
    let names = |codes: &[Code]| codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(", ");
    let passing: Vec<Code> = codes.iter().copied().filter(|code| code.is_retryable()).collect();
    let again = match passing.len() {
        0 => String::new(),
        all if all == codes.len() => ". Asking again may help.".to_owned(),
        _ => format!(". Asking again may help with {}.", names(&passing)),
    };
    format!("{}: {}{again}", meaning(codes[0].kind()), names(codes))
}

fn meaning(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Internal => "A bug, or half an installation",
        ErrorKind::Usage => "Not a valid command line",
        ErrorKind::NotConfigured => "Not set up: no such profile, no secret, or a configuration that is wrong",
        ErrorKind::AuthRejected => "The issuer refuses the client",
        ErrorKind::TokenNotValid => "No valid token",
        ErrorKind::Unavailable => "The issuer cannot be reached, or cannot answer now",
        ErrorKind::Protocol => "The issuer refuses the request, or answers with what is no token",
        ErrorKind::Store => "The place of the secrets does not answer, or its key is missing or wrong",
        ErrorKind::Io => "Something cannot be written or read",
        ErrorKind::Refused => "tokenkeep refuses what would not be safe",
        ErrorKind::RateLimited => "The issuer was asked too often",
        ErrorKind::Fleet => "The fleet store is required and unavailable",
        ErrorKind::Indeterminate => "Nobody could tell whether the token is valid",
    }
}
