"""Files of a folder over HTTP, and nothing else."""

import os
from pathlib import Path

import pytest

from wsline import Headers, Request
from wsline.cli import folder as module
from wsline.cli.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a page, a subfolder, something hidden, and secrets beside it."""
    root = tmp_path / "public"
    (root / "sub dir").mkdir(parents=True)
    (root / "index.html").write_text("<p>héllo")
    (root / "sub dir" / "index.html").write_text("inside")
    (root / "app.js").write_text("1")
    (root / "data.bin").write_bytes(b"\x00\xff")
    (root / "page.svgz").write_bytes(b"zipped")
    (root / ".env").write_text("password")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "empty").mkdir()
    return root


async def get(root: Path, path: str, method: str = "GET") -> tuple[int, bytes, Headers]:
    response = await Folder(str(root)).answer(Request(method, path, Headers({})))
    return response.status, response.body, response.headers


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/", "<p>héllo", "text/html; charset=utf-8"),
        ("/?q=1", "<p>héllo", "text/html; charset=utf-8"),
        ("/index.html", "<p>héllo", "text/html; charset=utf-8"),
        ("/sub%20dir/", "inside", "text/html; charset=utf-8"),
        ("/app.js", "1", "text/javascript; charset=utf-8"),
        ("/page.svgz", "zipped", "application/octet-stream"),
    ],
)
async def test_files_are_shown(root: Path, path: str, body: str, kind: str) -> None:
    status, sent, headers = await get(root, path)
    assert (status, sent.decode()) == (200, body)
    assert headers["Content-Type"] in (
        kind,
        kind.replace("text/javascript", "application/javascript").split(";")[0],
    )
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub%20dir/../../secret.txt",
     "/.env", "/link.txt", "/empty/", "/%00", "/..\\secret.txt", "/index.html/x"],
)  # fmt: skip
async def test_nothing_else_is(root: Path, path: str) -> None:
    status, body, _ = await get(root, path)
    assert (status, body) == (404, b"Not found\n")


async def test_a_folder_without_its_slash_is_led_there(root: Path) -> None:
    status, _, headers = await get(root, "/sub%20dir")
    assert (status, headers["Location"]) == (308, "/sub%20dir/")
    status, _, headers = await get(root, "//empty")  # not to a host of this name
    assert (status, headers["Location"]) == (308, "/empty/")


async def test_only_reading_is_allowed(root: Path) -> None:
    status, _, headers = await get(root, "/", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert (await get(root, "/", "HEAD"))[0] == 200


async def test_large_files_and_those_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST", 1)
    assert (await get(root, "/data.bin"))[0] == 501
    monkeypatch.undo()
    monkeypatch.setattr(Path, "read_bytes", lambda path: os.open("/nowhere/at/all", os.O_RDONLY))
    assert (await get(root, "/data.bin"))[0] == 403


def test_it_must_be_a_folder(root: Path) -> None:
    with pytest.raises(ValueError, match=r"app\.js: is not a folder"):
        Folder(str(root / "app.js"))
