"""A real gnome-keyring with an empty, open collection, on a session bus of its own."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

NAME = "org.freedesktop.secrets"
RULES = """<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth><policy context='default'>
<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"""


def there():
    return shutil.which("dbus-daemon") and shutil.which("gnome-keyring-daemon") and shutil.which("gdbus")


class Keyring:
    """Without `unlocked` there is the service, and no collection in it."""

    def __init__(self, unlocked=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tokenkeep-keyring-"))
        rules = self.folder / "bus.conf"
        rules.write_text(RULES.format(folder=self.folder))
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.bus = subprocess.Popen(["dbus-daemon", "--nofork", "--print-address=1", f"--config-file={rules}"], **quiet)
        self.address = self.bus.stdout.readline().decode().strip()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder),
                            "DBUS_SESSION_BUS_ADDRESS": self.address}
        (self.folder / "keyring").mkdir(mode=0o700)
        self.unlocked = unlocked
        arguments = ["--foreground", "--components=secrets", *(["--unlock"] if unlocked else [])]
        arguments += ["--control-directory", self.folder / "keyring"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.daemon = subprocess.Popen(["gnome-keyring-daemon", *arguments], stdin=subprocess.PIPE, env=self.environment, **quiet)
        self.daemon.stdin.write(b"the password of a trial")
        self.daemon.stdin.close()
        until = time.monotonic() + 30
        while not self.answers():
            if time.monotonic() > until:
                raise RuntimeError("gnome-keyring does not answer")
            time.sleep(0.02)

    def answers(self):
        """It takes its name before it has anything to answer with."""
        ask = ["gdbus", "call", "--session", "--dest", NAME, "--object-path", "/org/freedesktop/secrets", "--method",
               "org.freedesktop.DBus.Properties.Get", "org.freedesktop.Secret.Service", "Collections"]
        ended = subprocess.run(ask, env=self.environment, capture_output=True)
        return ended.returncode == 0 and (not self.unlocked or b"login" in ended.stdout)

    def close(self):
        for process in (self.daemon, self.bus):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
