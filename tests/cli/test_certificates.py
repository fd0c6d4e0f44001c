"""Files of certificates and keys, and what is said of those that cannot be used."""

import argparse
import getpass
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority, openssl
from wsline.cli.certificates import ASK, client_context, server_context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, its key with a passphrase, and another key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    certificate, other = authority.sign("one", "DNS:localhost"), authority.sign("other")
    openssl("ec", "-in", certificate.key, "-aes256", "-passout", "pass:secret", "-out", folder / "locked.pem")
    for name, path in {
        "cert": certificate.path,
        "key": certificate.key,
        "other": other.key,
        "ca": authority.path,
    }.items():
        (folder / name).write_bytes(path.read_bytes())
    return folder


def options(folder: Path | None = None, **given: Any) -> argparse.Namespace:
    files = {name: str(folder / name) for name in given.pop("files", "").split()} if folder else {}
    return argparse.Namespace(
        **{"ca": None, "cert": None, "key": None, "passphrase": None, "no_check": False} | files | given
    )


def test_without_files_the_library_decides() -> None:
    assert client_context(options()) is None
    assert client_context(options(no_check=True)) is False
    assert server_context(options()) is None


def test_an_authority_of_ones_own_is_trusted_and_checked(folder: Path) -> None:
    context = client_context(options(folder, files="ca"))
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


def test_a_certificate_without_checking(folder: Path) -> None:
    context = client_context(options(folder, files="cert key", no_check=True))
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("given", [None, ASK])
def test_a_passphrase_is_asked_for(folder: Path, given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "secret")
    locked = str(folder / "locked.pem")
    assert server_context(options(folder, files="cert", key=locked, passphrase=given)) is not None


def test_a_passphrase_is_taken(folder: Path) -> None:
    locked = str(folder / "locked.pem")
    assert server_context(options(folder, files="cert", key=locked, passphrase="secret")) is not None


def test_what_cannot_be_used_is_told(folder: Path) -> None:
    locked = str(folder / "locked.pem")
    for given, complaint in [
        ({"key": "x"}, "--key: belongs to a certificate, see --cert"),
        ({"files": "cert", "key": "nowhere.pem"}, "nowhere.pem: No such file or directory"),
        ({"files": "cert", "key": str(folder / "other")}, "the key is not that of the certificate"),
        ({"files": "cert", "key": locked, "passphrase": "wrong"}, "is the passphrase right?"),
        ({"cert": str(folder / "key")}, "no certificate or key can be read there"),
    ]:
        with pytest.raises(ValueError, match=r".+") as caught:
            server_context(options(folder, **given))
        assert str(caught.value).endswith(complaint) or complaint in str(caught.value)
    with pytest.raises(ValueError, match=r"nowhere\.pem: No such file"):
        client_context(options(ca="nowhere.pem"))
    with pytest.raises(ValueError, match="no certificate or key can be read there"):
        client_context(options(ca=__file__))
