"""A home of tokenkeep: a configuration directory and a data directory of its own."""

import os
import pathlib
import subprocess

from benching.stopwatch import Candidate

# Of 128 bits, as a key that hosts share is derived from.
CLIENT, SECRET = "bench", "0f9a61d7c24be8355d90a7f3b16c2e84"
PASSPHRASE = "a passphrase of a benchmark"


class Home:
    """Where one `tokenkeep` of a benchmark keeps what it keeps."""

    def __init__(self, tokenkeep, folder, config=""):
        self.tokenkeep, self.folder = tokenkeep, pathlib.Path(folder)
        self.config, self.data = self.folder / "config", self.folder / "data"
        self.config.mkdir(parents=True, mode=0o700)
        if config:
            (self.config / "config.toml").write_text(config)
        self.environment = {
            "HOME": str(self.folder),
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TOKENKEEP_CONFIG_DIR": str(self.config),
            "TOKENKEEP_DATA_DIR": str(self.data),
        }

    def tell(self, *arguments, stdin=b""):
        """Runs a command that has to succeed; returns what it prints."""
        return self.run(arguments, self.environment, input=stdin)

    def tell_with_passphrase(self, *arguments, stdin=b""):
        """The same where the passphrase is asked for: by a pipe of its own."""
        reader, writer = os.pipe()
        os.write(writer, PASSPHRASE.encode())
        os.close(writer)
        try:
            environment = self.environment | {"TOKENKEEP_PASSPHRASE_FD": str(reader)}
            return self.run(arguments, environment, input=stdin, pass_fds=[reader])
        finally:
            os.close(reader)

    def run(self, arguments, environment, **how):
        ended = subprocess.run([self.tokenkeep, *arguments], env=environment, capture_output=True, timeout=300, **how)
        if ended.returncode != 0:
            raise RuntimeError(f"tokenkeep {' '.join(arguments[:2])}: {ended.stderr.decode(errors='replace')}")
        return ended.stdout.strip()

    def setting(self, token_url, secret=SECRET, ca=None):
        """The arguments of `credentials set`, and its stdin."""
        arguments = ["credentials", "set", "--client-id", CLIENT, "--token-url", token_url, "--secret-stdin"]
        return arguments + (["--ca-file", ca] if ca else []), secret.encode()

    def set(self, token_url, secret=SECRET, ca=None):
        arguments, stdin = self.setting(token_url, secret, ca)
        self.tell(*arguments, stdin=stdin)

    def with_key_file(self, token_url, ca=None):
        """Secrets in sealed files, with a key file: the usual server."""
        self.tell("init", "--backend", "file")
        self.set(token_url, ca=ca)
        return self

    def with_kernel_tier(self, token_url):
        """Secrets in sealed files, the key made of a passphrase, and kept by the kernel for some hours."""
        self.tell_with_passphrase("init", "--backend", "file", "--passphrase")
        arguments, stdin = self.setting(token_url)
        self.tell_with_passphrase(*arguments, stdin=stdin)
        self.tell_with_passphrase("token", "get")
        return self

    def get(self, name, *arguments, program=None, version="", prints=None):
        """The candidate `token get`."""
        command = [program or self.tokenkeep, "token", "get", *arguments]
        return Candidate(name, command, self.environment, version, prints)
