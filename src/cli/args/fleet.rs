//! The flags of `fleet`.

use std::path::PathBuf;

use clap::Subcommand;

/// `fleet`
#[derive(Debug, Subcommand)]
pub(crate) enum Fleet {
    /// Makes, imports and exports the key that a fleet seals its tokens with.
    ///
    /// Every host of a fleet has the same one. Without it the key is derived from the client's secret, if the provider is
    /// known to make secrets at random, or `derive` was run for the profile. Keys go through files that only their owner
    /// can read, never through arguments.
    #[command(subcommand)]
    Key(FleetKey),
    /// Sets and removes the user and password of the fleet store.
    ///
    /// They are kept where secrets are kept, for the hosts that `url` of [fleet] names now, and go to no others.
    #[command(subcommand)]
    Login(FleetLoginCommand),
}

/// `fleet key`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetKey {
    /// Makes a new key and keeps it here; where a file is named, writes it there as well.
    New {
        /// The file to write, for the other hosts; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Keeps the key that a file holds.
    Import {
        /// The file: at least 32 bytes, readable by nobody else.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Writes the key into a file.
    Export {
        /// The file to write; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Derives the key from the secret of the profile, which an issuer made at random.
    ///
    /// Run it on each host, with -p NAME. It vouches for this client of this issuer, also after its secret is replaced. A
    /// secret that a person chose could be found by the operator of the store: run `new` instead.
    Derive,
    /// Forgets the key that is kept here, and the clients that `derive` vouched for.
    Remove,
}

/// `fleet login`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetLoginCommand {
    /// Sets the user and password.
    Set {
        /// The user of the store's access list; the default one where none is named.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Reads the password from stdin; one newline at its end is cut.
        #[arg(long, group = "secret")]
        secret_stdin: bool,
        /// Copies the password from a file, now.
        #[arg(long, value_name = "PATH", group = "secret")]
        secret_file: Option<PathBuf>,
    },
    /// Removes them.
    Remove,
}
