//! How each client behaves that is handed a token: the one table that formats and helpers go by.

use std::time::Duration;

/// The behaviour of a client, and what it gets because of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) name: &'static str,
    /// How much longer a token is valid that the client gets, if its lifetime allows that: as long as the client holds
    /// on to it without a question.
    pub(crate) preferred: Duration,
    /// How much earlier than its true end the end of a token is reported, for a client that uses it up to the second.
    pub(crate) margin: Duration,
    /// Where the client looks for what went wrong.
    pub(crate) errors: Errors,
    #[cfg(test)]
    pub(crate) page: Page,
}

/// Where a client looks for what went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errors {
    /// On stderr, which it shows to its user.
    Stderr,
    /// In the answer on stdout. It takes anything on stderr for a part of the answer, or does not show it.
    Answer,
}

/// What documents say of a client.
#[cfg(test)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// How it asks.
    pub(crate) asks: &'static str,
    /// How it gets to know when the token ends.
    pub(crate) expiry: &'static str,
    /// How the refusal of a token comes back.
    pub(crate) refusal: &'static str,
}

/// Makes the row of a client.
macro_rules! client {
    (
        $name:literal, preferred: $preferred:literal, margin: $margin:literal, errors: $errors:ident,
        asks: $asks:literal, expiry: $expiry:literal, refusal: $refusal:literal $(,)?
    ) => {
        Consumer {
            name: $name,
            preferred: Duration::from_secs($preferred),
            margin: Duration::from_secs($margin),
            errors: Errors::$errors,
            #[cfg(test)]
            page: Page { asks: $asks, expiry: $expiry, refusal: $refusal },
        }
    };
}

/// A person, or a script that asks before each use.
#[rustfmt::skip]
pub(crate) static SHELL: Consumer = client! {
    "shell", preferred: 0, margin: 0, errors: Stderr,
    asks: "`token get`", expiry: "none", refusal: "none",
};

/// A program that keeps one header for as long as it runs or is connected.
#[rustfmt::skip]
pub(crate) static SESSION: Consumer = client! {
    "session", preferred: 300, margin: 0, errors: Stderr,
    asks: "a command whose output is the header", expiry: "none", refusal: "none",
};

/// curl, which takes a header for one transfer.
#[rustfmt::skip]
pub(crate) static CURL: Consumer = client! {
    "curl", preferred: 30, margin: 0, errors: Stderr,
    asks: "`-K -`", expiry: "none", refusal: "none",
};

/// Programs that follow the credential helper specification of EngFlow: Bazel, reclient.
#[rustfmt::skip]
pub(crate) static BAZEL: Consumer = client! {
    "bazel", preferred: 300, margin: 60, errors: Stderr,
    asks: "a program with `get`, JSON on stdin", expiry: "`expires`, used to the second", refusal: "none",
};

/// kubectl and whatever else uses client-go.
#[rustfmt::skip]
pub(crate) static KUBERNETES: Consumer = client! {
    "kubernetes", preferred: 120, margin: 30, errors: Stderr,
    asks: "a command, with KUBERNETES_EXEC_INFO", expiry: "`expirationTimestamp`, used to the second",
    refusal: "the same process asks again before the end that it knows",
};

/// The libraries of Google, which take the token of another issuer for one of their own.
#[rustfmt::skip]
pub(crate) static GOOGLE: Consumer = client! {
    "google", preferred: 60, margin: 0, errors: Answer,
    asks: "a command, with GOOGLE_EXTERNAL_ACCOUNT_*", expiry: "`expiration_time`", refusal: "none",
};

/// A job of GitHub Actions, whose later steps read the variable.
#[rustfmt::skip]
pub(crate) static GITHUB: Consumer = client! {
    "github", preferred: 300, margin: 0, errors: Stderr,
    asks: "`token get` in a step", expiry: "none", refusal: "none",
};

/// git, which keeps a credential for one process.
#[rustfmt::skip]
pub(crate) static GIT: Consumer = client! {
    "git", preferred: 60, margin: 0, errors: Stderr,
    asks: "a program with `get`, lines on stdin", expiry: "`password_expiry_utc`", refusal: "`erase`, with the token",
};

/// docker, podman, skopeo and Helm, which ask for each transfer of an image.
#[rustfmt::skip]
pub(crate) static DOCKER: Consumer = client! {
    "docker", preferred: 300, margin: 0, errors: Answer,
    asks: "a program with `get`, the server on stdin", expiry: "none", refusal: "`erase` at a logout, without the token",
};

/// cargo, which asks again when less than a minute is left.
#[rustfmt::skip]
pub(crate) static CARGO: Consumer = client! {
    "cargo", preferred: 120, margin: 0, errors: Stderr,
    asks: "a program with `--cargo-plugin`, lines of JSON on stdin", expiry: "`expiration`", refusal: "none",
};

/// pnpm, which asks once for each registry.
#[rustfmt::skip]
pub(crate) static PNPM: Consumer = client! {
    "pnpm", preferred: 300, margin: 0, errors: Stderr,
    asks: "a program without arguments", expiry: "none", refusal: "none",
};

/// pip and uv, which keep a password for as long as they run.
#[rustfmt::skip]
pub(crate) static KEYRING: Consumer = client! {
    "keyring", preferred: 300, margin: 0, errors: Stderr,
    asks: "`keyring get SERVICE [USER]`", expiry: "none", refusal: "none",
};

/// The go command, which keeps headers for as long as it runs.
#[rustfmt::skip]
pub(crate) static GOAUTH: Consumer = client! {
    "goauth", preferred: 300, margin: 0, errors: Stderr,
    asks: "a command, again with the URL after a refusal", expiry: "none", refusal: "the response, on stdin",
};

/// Terraform and OpenTofu, which keep a token for as long as they run.
#[rustfmt::skip]
pub(crate) static TERRAFORM: Consumer = client! {
    "terraform", preferred: 600, margin: 0, errors: Stderr,
    asks: "a program with `get HOST`", expiry: "none", refusal: "none",
};

/// kubelet, which keeps a password for as long as it was told to.
#[rustfmt::skip]
pub(crate) static KUBELET: Consumer = client! {
    "kubelet", preferred: 300, margin: 60, errors: Stderr,
    asks: "a program, JSON on stdin", expiry: "`cacheDuration`, used to the second", refusal: "none",
};
