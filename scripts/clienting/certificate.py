"""A certificate for 127.0.0.1 and localhost, and the authority that signed it."""

import subprocess


class Certificate:
    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder = folder
        self.ca, self.key, self.chain = folder / "ca.pem", folder / "server.key", folder / "server.pem"
        request, names = folder / "server.csr", folder / "names"
        names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
        new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl(*new, "-x509", "-days", "2", "-subj", "/CN=clients", "-keyout", folder / "ca.key", "-out", self.ca)
        openssl(*new, "-subj", "/CN=127.0.0.1", "-keyout", self.key, "-out", request)
        signed = ["-CA", self.ca, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", names]
        openssl("x509", "-req", "-in", request, "-out", self.chain, *signed)


def openssl(*arguments):
    ended = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {ended.stderr}")
