"""Certificates for an hour, made with the command `openssl`: authorities, servers and clients."""

import os
import pathlib
import ssl
import subprocess

import canaries


def openssl(*arguments, text=None):
    subprocess.run(["openssl", *map(str, arguments)], input=text, check=True, capture_output=True, text=True)


class Authority:
    """Somebody who signs certificates."""

    def __init__(self, folder, name):
        self.folder, self.name, self.issued = pathlib.Path(folder), name, 0
        self.key, self.certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 1,
            "-keyout", self.key, "-out", self.certificate, "-subj", f"/O=Leveret/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def issue(self, name, alternative="DNS:localhost,IP:127.0.0.1", days=1):
        """A certificate and its key, as the paths of two files. With 0 days it ends as soon as it begins."""
        self.issued += 1
        stem = self.folder / f"{self.name}-{self.issued}-{name}"
        key, request, certificate, extensions = (stem.with_suffix(end) for end in (".key", ".csr", ".crt", ".ext"))
        openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/O=Leveret/CN={name}",
        )  # fmt: skip
        extensions.write_text(f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n")
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-days", days,
            "-out", certificate, "-extfile", extensions,
        )  # fmt: skip
        canaries.register_key(key)
        return certificate, key


def install(path, *sources):
    """Puts the contents of files at a path, all at once: whoever reads it sees the old or the new."""
    new = path.with_suffix(".new")
    new.write_text("".join(pathlib.Path(source).read_text() for source in sources))
    os.replace(new, path)


def trusting(*authorities, own=None, version=None):
    """What a client speaks TLS with that trusts these authorities and shows its own certificate."""
    context = ssl.create_default_context(cadata="".join(it.certificate.read_text() for it in authorities))
    if own:
        context.load_cert_chain(*own)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def fingerprint(certificate):
    """What tells a certificate from others, as `getpeercert(binary_form=True)` gives it."""
    return ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())
