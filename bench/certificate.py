"""A certificate for the servers that are measured over TLS, made once and kept in `build/`."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from errors import BenchmarkError
from programs import OUTPUT

SUBJECT = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
KIND = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")


@cache
def paths() -> tuple[Path, Path]:
    """Return the certificate and its key.

    Raises:
        BenchmarkError: there is no `openssl`, or it does not make one.
    """
    certificate, key = OUTPUT / "certificate.pem", OUTPUT / "key.pem"
    if not certificate.exists():
        openssl = shutil.which("openssl")
        if openssl is None:
            raise BenchmarkError("no openssl: install it (Debian: apt-get install openssl)")
        OUTPUT.mkdir(exist_ok=True)
        command = [openssl, "req", "-x509", *KIND, *SUBJECT, "-keyout", str(key), "-out", str(certificate)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise BenchmarkError(f"openssl makes no certificate: {made.stderr.strip().splitlines()[-1]}")
    return certificate, key
