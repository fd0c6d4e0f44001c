"""The files of a folder, as answers to requests."""

import asyncio
import mimetypes
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from wsline import Request, Response

__all__ = ["Folder"]

_INDEX: Final = "index.html"
_LARGEST: Final = 64 * 1024**2  # bytes: responses are whole, in memory


class Folder:
    """Answers requests with the files of a folder; nothing outside of it, and nothing hidden, is shown.

    Args:
        path: the folder.

    Raises:
        ValueError: there is no such folder.
    """

    def __init__(self, path: str) -> None:
        self._root = Path(path).resolve()
        if not self._root.is_dir():
            raise ValueError(f"{path}: is not a folder")

    async def answer(self, request: Request) -> Response:
        """Answer with a file, with the `index.html` of a folder, or with why there is none."""
        if request.method not in ("GET", "HEAD"):
            return Response(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"}, "Only GET and HEAD\n")
        return await asyncio.to_thread(self._read, request.path)

    def _read(self, url_path: str) -> Response:
        path = self._find(url_path)
        if path is not None and path.is_dir():
            if not url_path.endswith("/"):  # else the links of its page lead astray
                where = quote(f"/{path.relative_to(self._root).as_posix()}/")
                return Response(HTTPStatus.PERMANENT_REDIRECT, {"Location": where})
            path /= _INDEX
        if path is None or not path.is_file():
            return Response(HTTPStatus.NOT_FOUND, body="Not found\n")
        try:
            if path.stat().st_size > _LARGEST:
                return Response(HTTPStatus.NOT_IMPLEMENTED, body=f"Files of more than {_LARGEST} bytes\n")
            return Response(HTTPStatus.OK, _headers(path), path.read_bytes())
        except OSError:  # no permission, or gone meanwhile
            return Response(HTTPStatus.FORBIDDEN, body="Cannot be read\n")

    def _find(self, url_path: str) -> Path | None:
        names = [name for name in unquote(url_path).split("/") if name]
        if any(name.startswith(".") or "\\" in name or "\0" in name for name in names):
            return None
        path = self._root.joinpath(*names).resolve()
        # A link may lead out of the folder.
        return path if path.is_relative_to(self._root) else None


def _headers(path: Path) -> dict[str, str]:
    kind, encoding = mimetypes.guess_type(path.name)
    if kind is None or encoding is not None:
        kind = "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return {"Content-Type": kind, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
