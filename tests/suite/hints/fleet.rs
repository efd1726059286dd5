//! Hints about the fleet: its store, key and login.

use std::fs;

use super::terminal::{Terminal, advice_of_doctor, quoted};
use super::{GET, set_line};
use crate::common::issuer::CLIENT_ID;
use crate::common::redis::{PASSWORD, RedisServer};
use crate::common::{Issuer, TestEnvironment};
use crate::fleet::host;
use crate::setup::{credential, credential_and_token, init};

#[test]
fn a_fleet_is_joined_as_the_hint_says() {
    let (issuer, server) = (host::issuer(), RedisServer::start());
    // LeaveFleetOut.
    let environment = credential_and_token(&Issuer::start(), &[]);
    Terminal::of(&environment).follows("tokenkeep token forget --fleet");

    // MakeFleetKeyForAll: a weak secret; and BringFleetKey, which another host follows.
    let environment = TestEnvironment::new();
    host::share(&environment, &host::at(&server));
    init(&environment);
    let terminal = Terminal::of(&environment).secret("CANARY-SECRET-weak");
    let weak = Issuer::start_with(["--client", &format!("{CLIENT_ID}:CANARY-SECRET-weak")]);
    terminal.follows_and_works(&set_line(&weak));
    terminal.works(GET);

    // MakeFleetKey.
    let environment = host::host(&issuer, &host::at(&server));
    environment.secret_place("files/exported");
    let line = format!("tokenkeep fleet key export {}", environment.path("files/exported").display());
    Terminal::of(&environment).secret(host::SECRET).follows_and_works(&line);

    // RepeatWithFleetStore, DiagnoseFleetStore.
    let environment = host::host(&issuer, &host::patiently("redis://127.0.0.1:1"));
    host::get(&environment, &[]).run().success();
    let terminal = Terminal::of(&environment).secret(host::SECRET);
    let (command, _) = terminal.advised("tokenkeep token forget --fleet", 0);
    assert_eq!(command, "tokenkeep doctor");
    assert!(terminal.types(&command).shown.contains("continues without it"));
    host::share(&environment, &host::at(&server));
    terminal.works(&command);
    terminal.works("tokenkeep token forget --fleet");
    let required = format!("{}required = true\n", host::patiently("redis://127.0.0.1:1"));
    let environment = host::host(&issuer, &required);
    let terminal = Terminal::of(&environment).secret(host::SECRET);
    let (command, _) = terminal.advised(GET, 0);
    assert!(terminal.types(&command).shown.contains("the fleet store is required"), "{command}");
    host::share(&environment, &host::at(&server));
    terminal.works(&command);
    terminal.works(GET);
}

#[test]
fn a_host_gets_the_key_and_the_login_of_its_fleet_as_the_hint_says() {
    let (issuer, server) = (host::issuer(), RedisServer::start());
    // BringFleetKey: what the hint says is typed on the host that has it.
    let (first, second) = (host::host(&issuer, &host::at(&server)), host::host(&issuer, &host::at(&server)));
    first.tokenkeep(["fleet", "key", "new"]).run().success();
    let brought = second.path("files/the key of the fleet");
    second.secret_place(&brought);
    let import = format!("tokenkeep fleet key import {}", quoted(&brought));
    let here = Terminal::of(&second).with("PATH", quoted(&brought));
    let (export, _) = here.advised(&import, 0);
    Terminal::of(&first).works(&export);
    here.works(&import);

    // MoveFleetStateAway.
    second.write("data/shared", "damaged");
    second.program("chmod", ["600"]).arg(second.path("data/shared")).run().success();
    let export = format!("tokenkeep fleet key export {}", quoted(&second.path("files/copy")));
    second.secret_place("files/copy");
    let failed = here.types(&export);
    fs::rename(second.path("data/shared"), second.path("files/shared")).expect("ours");
    for way in [0, 1] {
        here.works(&here.commanded(failed.hint(), "", way));
    }
    here.works(&export);

    // MakeFleetKeyForOthers: the doctor finds a secret that no key can be derived from.
    let issuer = Issuer::start();
    let environment = credential(&issuer, &[]);
    host::share(&environment, &host::at(&server));
    let terminal = Terminal::of(&environment);
    let doctor = terminal.works("tokenkeep doctor");
    terminal.works(&terminal.commanded(&advice_of_doctor(&doctor, "fleet"), "", 0));
    let doctor = terminal.works("tokenkeep doctor");
    assert!(doctor.shown.contains("ok    fleet"), "{doctor:?}");

    // Diagnose: without its key a store that is required is of no use; the doctor names the file.
    let missing = format!("{}key_file = \"{}\"\n", host::at(&server), environment.path("files/none").display());
    host::share(&environment, &format!("{missing}required = true\n"));
    let (doctor, _) = terminal.advised("tokenkeep token get --refresh", 0);
    assert!(terminal.types(&doctor).shown.contains("files/none"), "{doctor}");

    // SetFleetLogin: the present one is for another store.
    let (issuer, server) = (host::issuer(), RedisServer::with_password());
    let environment = host::host(&issuer, &host::patiently("rediss://127.0.0.1:1"));
    environment.canary("password of the store", PASSWORD);
    let terminal = Terminal::of(&environment).secret(PASSWORD);
    terminal.works("tokenkeep fleet login set");
    host::share(&environment, &format!("{}required = true\n", host::patiently(&server.url())));
    terminal.follows_and_works(GET);
}
