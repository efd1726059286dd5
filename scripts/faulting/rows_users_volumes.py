"""File systems and volumes with manners of their own: no locks, no modes, files of another user."""

import os
import re

from faulting.issuer import CLIENT, secret
from faulting.row import Skipped, generation, row
from faulting.rows_users_places import USER, as_user, for_everybody


def failing(calls, error, more=()):
    """Each of these system calls fails in the command that this starts."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", *more, "-e", f"inject={calls}:error={error}"]


def main_job(place, under):
    """The commands of a first day, each with the fault; yields those that failed or warned."""
    for what, ended in (
        ("init", place.run("init", "--backend", "file", under=under)),
        ("credentials set", place.set(1, under=under)),
        ("token get", place.get(under=under)),
        ("rekey", place.run("rekey", under=under)),
        ("a second token get", place.get("--refresh", under=under)),
    ):
        if ended.code or "warning" in ended.err:
            yield f"{what}: {ended}"
    before = place.issuer.count
    if place.get(under=under).code == 0 and place.issuer.count != before:
        yield "no token is kept"


@row("F12", "a file system without locks is taken for another process that holds one")
def no_locks(bench):
    for error in ("ENOLCK", "EOPNOTSUPP", "ENOSYS"):
        under = failing("flock", error)
        with bench.place() as place, bench.place(bare=True) as fresh:
            for what, ended in (
                ("init", fresh.run("init", "--backend", "file", under=under)), ("credentials set", place.set(2, under=under)),
                ("rekey", place.run("rekey", under=under)), ("token get", place.get("--refresh", under=under)),
            ):
                if "another tokenkeep" in ended.err or ended.code and "lock" not in ended.err:
                    yield f"{error}, {what}: {ended}"
                elif ended.code and "--data-dir" not in ended.hint:
                    yield f"{error}, {what}: no hint: {ended}"


def pod(place, mode):
    """A pod as docs/running.md has it: ConfigMap, Secret volume, emptyDir; returns how its user runs a command there."""
    volume, work = place.root / "secret-volume", place.root / "work"
    volume.mkdir(mode=0o755)
    for name, content in (("key", b"k" * 32), ("client-secret", secret(1).encode())):
        (volume / name).write_bytes(content)
        os.chown(volume / name, 0, USER)
        (volume / name).chmod(mode)
    work.mkdir()
    work.chmod(0o777)
    (place.config / "profiles").mkdir(parents=True)
    (place.config / "config.toml").write_text(f'[secrets]\nbackend = "file"\nkey_file = "{volume}/key"\n')
    (place.config / "profiles" / "p.toml").write_text(
        f'client_id = "{CLIENT}"\ntoken_url = "{place.issuer.token_url}"\nsecret = {{ file = "{volume}/client-secret" }}\n')
    program = for_everybody(place)

    def run(*arguments):
        data = {"TOKENKEEP_DATA_DIR": str(work / "tokenkeep")}
        return place.run(*arguments, under=as_user(), program=program, environment=data)

    return run


@row("F14", "a Secret volume as Kubernetes makes it: a request for each call, and a hint that cannot be followed there")
def secret_volume(bench):
    for mode in (0o644, 0o444, 0o440):
        with bench.place(bare=True) as place:
            run = pod(place, mode)
            gets = [run("token", "get", "-p", "p") for _ in range(3)]
            if any(get.code for get in gets):
                yield f"mode {mode:o}: {gets[0]}"
            if place.issuer.count == 1:
                continue
            if mode == 0o440:
                yield f"mode 440: {place.issuer.count} requests of 3 gets: {gets[1]}"
            elif not re.search("defaultMode|fsGroup|hint|doctor", gets[0].err):
                warning = gets[0].err.splitlines()[-1][:150]
                yield f"mode {mode:o}: {place.issuer.count} requests of 3 gets, and the warning says nothing to do: {warning}"
            doctor = run("doctor")
            if "chmod" in doctor.out and "defaultMode" not in doctor.out:
                yield f"mode {mode:o}: doctor says to run chmod on a file of another user"


@row("L6", "a pod with the default mode of a Secret, or with a new key, asks the issuer at each get, exit 0")
def key_of_a_pod(bench):
    yield from secret_volume(bench)
    for again in (1, 2):
        with bench.place(bare=True) as place:
            run = pod(place, 0o440)
            run("token", "get", "-p", "p")
            for number in range(again):
                (place.root / "secret-volume" / "key").write_bytes(bytes([65 + number]) * 32)
                gets = [run("token", "get", "-p", "p") for _ in range(3)]
                if any(get.code for get in gets) or place.issuer.count != number + 2:
                    yield f"new key {number + 1}: {place.issuer.count} requests in all: {gets[-1]}"


@row("R3", "a secret file of another user, as compose mounts it, is refused to root after it was set")
def file_of_another(bench):
    for mode in (0o600, 0o400, 0o640):
        with bench.place() as place:
            file = place.root / "secret"
            file.write_text(secret(1))
            os.chown(file, USER, USER)
            file.chmod(mode)
            ended = place.run("credentials", "set", "-p", "p", "--secret-at-fetch", f"file:{file}")
            get = place.get("--refresh") if ended.code == 0 else ended
            if ended.code == 0 and get.code or "sudo" in get.hint:
                yield f"mode {mode:o}: set: exit {ended.code}, then: {get}"


@row("R4", "an owner outside the user namespace (rootless podman, flatpak) is called uid 65534, to become by sudo")
def user_namespace(bench):
    under = [*as_user(), "unshare", "-U", f"--map-user={USER}", f"--map-group={USER}"]
    with bench.place(bare=True) as place:
        run = pod(place, 0o444)
        if run("token", "get", "-p", "p").code:
            raise Skipped("the same without a user namespace fails")
        place.root.chmod(0o755)
        for data in (place.root / "work" / "inside", place.root / "work" / "other"):
            ended = place.get(under=under, program=for_everybody(place), environment={"TOKENKEEP_DATA_DIR": str(data)})
            if "65534" in ended.err and "namespace" not in ended.err or "sudo" in ended.hint:
                yield f"{data.name}: {ended}"


@row("R5", "files that a umask of 002 made are refused one after another")
def group_writable(bench):
    with bench.place(bare=True) as place:
        # The group of root has no other member here, as the group that Fedora gives to each user.
        place.must("init", "--backend", "file")
        place.set(1, must=True)
        place.must("token", "get", "-p", "p")
        (place.config / "config.toml").write_text('default_profile = "p"\n')
        files = [place.config / "config.toml", place.config / "profiles" / "p.toml"]
        for paths in ([place.config], [place.config / "profiles"], files):
            for path in paths:
                path.chmod(path.stat().st_mode | 0o020)
            ended = place.run("token", "get", "--refresh")
            if generation(ended.out) != 1 and not all(str(path) in ended.err for path in paths):
                yield f"{paths[0].name} that its group can write: {ended}"


@row("R30", "without hard links (exFAT, vboxsf) init cannot make its key")
def no_links(bench):
    for error in ("EPERM", "EOPNOTSUPP", "ENOSYS"):
        with bench.place(bare=True) as place:
            for what in main_job(place, failing("link,linkat", error)):
                yield f"{error}: {what}"


@row("R31", "a directory that cannot be synced (CIFS, vboxsf) fails what was done")
def no_directory_sync(bench):
    with bench.place(bare=True) as place:
        folders = [place.config, place.config / "profiles", place.data]
        folders += [place.data / name for name in ("secrets", "tokens", "locks")]
        only = [word for folder in folders for word in ("-P", str(folder))]
        yield from main_job(place, failing("fsync,fdatasync", "EINVAL", only))


@row("R32", "a mode that is right already and cannot be set (FAT, drvfs) costs a request for each call")
def no_modes(bench):
    for error in ("EPERM", "EOPNOTSUPP"):
        with bench.place(bare=True) as place:
            for what in main_job(place, failing("fchmod,fchmodat,chmod", error)):
                yield f"{error}: {what}"


@row("L7", "sharing a credential among users of one machine is in no document")
@row("L8", "rotation and --verify are in no document")
def in_no_document(bench):
    raise Skipped("a document: docs/running.md; no command differs")
