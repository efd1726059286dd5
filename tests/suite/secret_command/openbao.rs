//! A real OpenBao server that keeps the secret.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{get, set};
use crate::common::issuer::CLIENT_SECRET;
use crate::common::{Invocation, Issuer, TestEnvironment, skipped};

const ROOT_TOKEN: &str = "CANARY-ROOT-TOKEN-of-openbao";

/// A dev server: in memory, unsealed, killed when this is dropped.
struct OpenBao {
    process: Child,
    program: PathBuf,
    url: String,
}

impl OpenBao {
    /// `None` where `bao` is not installed.
    fn start(environment: &TestEnvironment) -> Option<Self> {
        let program = program()?;
        // It does not say which port it got for 0.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut command = Command::new(&program);
        command.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-listen-address={free}")]);
        command.arg(format!("-dev-root-token-id={ROOT_TOKEN}")).env("HOME", environment.home());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("bao starts");
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
        lines.find(|line| line.contains("Development mode")).expect("bao is ready");
        // It goes on to print, and would die of a closed pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, program, url: format!("http://{free}") })
    }

    fn seen_by(&self, run: Invocation) -> Invocation {
        run.env("BAO_ADDR", &self.url).env("BAO_TOKEN", ROOT_TOKEN)
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In `target/peers`, where `scripts/test` installs it, or wherever it is.
fn program() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bao");
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("bao"));
    std::iter::once(installed).chain(found).find(|program| program.is_file())
}

#[test]
fn a_secret_that_openbao_keeps_is_used_and_a_sealed_server_is_told_apart_from_a_wrong_secret() {
    let (issuer, environment) = (Issuer::start(), TestEnvironment::new());
    environment.canary("root token", ROOT_TOKEN);
    let Some(bao) = OpenBao::start(&environment) else {
        return skipped("bao is not installed");
    };
    environment.tokenkeep(["init", "--backend", "file"]).run().success();
    let program = bao.program.display().to_string();
    let put = environment.program(&bao.program, ["kv", "put", "-mount=secret", "billing", "client_secret=-"]);
    bao.seen_by(put).stdin(CLIENT_SECRET).run().success();
    let words = [&program, "kv", "get", "-mount=secret", "-field=client_secret", "billing"];
    set(&environment, &issuer, &words).success();
    for _ in 0..2 {
        bao.seen_by(get(&environment)).run().success().token();
    }
    assert_eq!(issuer.count("/token"), 1);
    let json = || environment.tokenkeep(["--json", "token", "get", "--refresh"]).prints_token();
    // Its refusals are no secrets.
    bao.seen_by(environment.program(&bao.program, ["operator", "seal"])).run().success();
    bao.seen_by(json()).run().fails(3, "credential_missing");
    drop(bao);
    json().run().fails(3, "credential_missing");
    assert_eq!(issuer.count("/token"), 1);
    get(&environment).run().success().token();
}
