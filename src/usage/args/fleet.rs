//! The flags of `fleet`.

use std::path::PathBuf;

use clap::Subcommand;

/// `fleet`
#[derive(Debug, Subcommand)]
pub(crate) enum Fleet {
    /// Make, import and export the key that a fleet seals its tokens with.
    ///
    /// Every host of a fleet has the same one. Without it the key is derived from the client's secret, if the provider is
    /// known to make secrets at random, or `derive` was run for the profile. Keys go through files that only their owner
    /// can read, never through arguments.
    #[command(subcommand)]
    Key(FleetKey),
    /// Set and remove the user and password of the fleet store.
    ///
    /// They are kept with the secrets, for the hosts that `url` of [fleet] names now, and go to no others.
    #[command(subcommand)]
    Login(FleetLoginCommand),
}

/// `fleet key`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetKey {
    /// Make a new key and keep it here; if a file is named, write it there as well.
    New {
        /// The file to write, for the other hosts; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Keep the key that a file holds.
    Import {
        /// The file: at least 32 bytes, readable by its owner only.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Write the key into a file.
    Export {
        /// The file to write; it must not be there yet.
        #[arg(value_name = "PATH")]
        path: PathBuf,
    },
    /// Derive the key from the secret of the profile, which an issuer made at random.
    ///
    /// Run it on each host, with -p NAME. It vouches for this client of this issuer, also after its secret is replaced. A
    /// secret that a person chose could be found by the operator of the store: run `new` instead.
    Derive,
    /// Forget the key that is kept here, and the clients that `derive` vouched for.
    Remove,
}

/// `fleet login`
#[derive(Debug, Subcommand)]
pub(crate) enum FleetLoginCommand {
    /// Set the user and password.
    Set {
        /// The user of the store's access list; the default one if none is named.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Read the password from stdin; one newline at its end is cut.
        #[arg(long, group = "secret")]
        secret_stdin: bool,
        /// Copy the password from a file, now.
        #[arg(long, value_name = "PATH", group = "secret")]
        secret_file: Option<PathBuf>,
    },
    /// Remove them.
    Remove,
}
