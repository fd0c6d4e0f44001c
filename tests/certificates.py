"""An authority that signs certificates, made by the command openssl."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@dataclass
class Certificate:
    """A certificate and its key, in files."""

    path: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return a context of a server that shows it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


class Authority:
    """Signs certificates, which nobody trusts who does not trust its own.

    Args:
        folder: where its files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "authority.pem"
        self._key = folder / "authority-key.pem"
        subject = ["-subj", "/CN=an authority of the tests", "-days", "2"]
        openssl("req", "-x509", *KEY, *subject, "-keyout", self._key, "-out", self.path)

    def sign(self, name: str, alternatives: str = "", days: int = 2) -> Certificate:
        """Make a certificate.

        Args:
            name: of its subject, and of its files.
            alternatives: of the subject, as in `"DNS:localhost,IP:127.0.0.1"`.
            days: until it expires; a negative number: it has.
        """
        request, key, path = (self._folder / f"{name}{end}.pem" for end in ("-request", "-key", ""))
        more = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
        openssl("req", *KEY, "-subj", f"/CN={name}", *more, "-keyout", key, "-out", request)
        signer: list[str | Path] = ["-CA", self.path, "-CAkey", self._key, "-CAcreateserial"]
        settings = ["-copy_extensions", "copy", "-days", str(days)]
        openssl("x509", "-req", "-in", request, *signer, *settings, "-out", path)
        return Certificate(path, key)

    def client_context(self) -> ssl.SSLContext:
        """Return a context of a client that trusts it."""
        return ssl.create_default_context(cafile=str(self.path))
