//! Hints about the fleet: its store, key and login.

use std::fs;

use super::GET;
use super::terminal::{Terminal, advice_of_doctor, quoted};
use crate::common::Issuer;
use crate::common::redis::{PASSWORD, RedisServer};
use crate::fleet::host;
use crate::setup::{credential, credential_and_token};

#[test]
fn a_fleet_is_joined_as_the_hint_says() {
    let (issuer, server) = (host::issuer(), RedisServer::start());
    // LeaveFleetOut.
    let environment = credential_and_token(&Issuer::start(), &[]);
    Terminal::of(&environment).follows("tokenkeep token forget --fleet");

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
fn a_fleet_key_is_made_or_derived_as_the_hint_says() {
    let (issuer, server) = (Issuer::start(), RedisServer::start());
    let required = format!("{}required = true\n", host::at(&server));
    // MakeOrDeriveFleetKey: a get that requires the fleet, in both ways.
    for way in [0, 1] {
        let environment = credential(&issuer, &[]);
        host::share(&environment, &required);
        let terminal = Terminal::of(&environment);
        terminal.follows_way(GET, way);
        terminal.works(GET);
    }

    // RemoveFleetKey: the key that is there would win.
    let environment = credential(&issuer, &[]);
    host::share(&environment, &required);
    let terminal = Terminal::of(&environment);
    terminal.works("tokenkeep fleet key new");
    terminal.follows_and_works("tokenkeep fleet key derive -p default");
    terminal.works(GET);

    // MoveVouchedAway.
    environment.write("data/vouched", "damaged");
    environment.program("chmod", ["600"]).arg(environment.path("data/vouched")).run().success();
    let line = "tokenkeep fleet key derive -p default";
    let failed = terminal.types(line);
    assert_eq!(failed.code, 3, "{failed:?}");
    fs::rename(environment.path("data/vouched"), environment.path("files/vouched")).expect("ours");
    terminal.works(&terminal.commanded(failed.hint(), line, 0));
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

    // MakeOrDeriveFleetKey: the doctor finds a profile without a key.
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
