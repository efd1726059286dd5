//! What the programs work with, as the manual lists it: environment variables and files.

/// Each variable with its meaning.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("TOKENKEEP_PROFILE", "The profile, if no -p names one."),
    ("TOKENKEEP_CONFIG_DIR", "The configuration directory: an absolute path."),
    ("TOKENKEEP_DATA_DIR", "The data directory: an absolute path."),
    (
        "TOKENKEEP_TOKEN_URL (or TOKENKEEP_PROVIDER or TOKENKEEP_ISSUER), TOKENKEEP_CLIENT_ID, TOKENKEEP_SECRET_FILE",
        "Make one whole profile, called env, which is used if no other is named. TOKENKEEP_SCOPES and the like set the \
         other plain keys of a profile. No variable holds a secret, a command, a header or allow_http.",
    ),
    (
        "TOKENKEEP_KEY_FILE",
        "The key file of sealed files, if config.toml names no place for secrets: an absolute path.",
    ),
    ("TOKENKEEP_LOG", "How much is logged on stderr: error, warn, info, debug or trace."),
    (
        "TOKENKEEP_PASSPHRASE_FD",
        "The number of a descriptor whose first line is the passphrase; there is no prompt then.",
    ),
    ("NO_COLOR", "If it is not empty, messages are not coloured."),
    (
        "HTTPS_PROXY, ALL_PROXY",
        "The proxy for requests over https: http://[USER:PASSWORD@]HOST[:PORT], or https://. The password ends at the \
         last @. SOCKS is refused. Plain http and loopback go through no proxy.",
    ),
    (
        "NO_PROXY",
        "The hosts that are reached without the proxy, separated by commas, semicolons or blanks: names with their subdomains, \
         addresses, networks (10.0.0.0/8), or * for all. HOST:PORT is for that port only.",
    ),
    ("CREDENTIALS_DIRECTORY", "The directory of the credential that init --key-credential names; systemd sets it."),
];

/// Each file with its purpose; what is in a directory is indented below it.
pub(super) const FILES: &[(&str, &str)] = &[
    ("~/.config/tokenkeep", "The configuration directory on Linux; $XDG_CONFIG_HOME moves it. doctor names it."),
    ("    config.toml", "The default profile, and settings."),
    ("    profiles/NAME.toml", "A profile: what is requested, and from which issuer. It holds no secret."),
    ("    key", "The key file of init --backend file, unless --key-file names another."),
    ("~/.local/share/tokenkeep", "The data directory on Linux; $XDG_DATA_HOME moves it. doctor names it."),
    ("    store", "Which place for secrets was chosen."),
    ("    secrets/, tokens/", "Secrets and tokens, sealed."),
    ("    configurations", "Which configuration directories store secrets here."),
    ("    vouched", "The clients whose secrets a user vouched for."),
    ("    callers", "Which process got which token, as digests: for kubectl."),
    ("    shared", "Which fleet key and which login of the fleet store are the present ones."),
    ("    locks/, *.lock", "Empty files: processes lock them to take turns."),
    (
        "    ledger.db, ledger.pending/",
        "The history of requests that stats sums up, and entries that are not in it yet.",
    ),
];
