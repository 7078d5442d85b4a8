"""A server on this machine that speaks as much of the hub's protocol as loading a model takes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse


class Hub:
    """Repositories: {"org/name": {revision or commit: folder}}, and what was asked of them.

    Attributes:
        asked: (method, path) of each request.
        broken: Names of files whose sending is broken off in the middle, once each.
        wrong: Names of files sent with another byte in place of the first.
    """

    def __init__(self, repositories: dict[str, dict[str, Path]]) -> None:
        self.repositories = repositories
        self.asked: list[tuple[str, str]] = []
        self.broken: set[str] = set()
        self.wrong: set[str] = set()
        self.address = ""


def commit_of(folder: Path) -> str:
    """A commit's name, 40 hex digits, from what the folder is called."""
    return hashlib.sha1(folder.name.encode()).hexdigest()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of the loopback device."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlparse(self.path).path).strip("/")
        self.hub.asked.append((self.command, path))
        parts = path.split("/")
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        folders = self.hub.repositories.get(name)
        if folders is None:
            self._refuse("RepoNotFound")
            return
        revision = parts[5] if api and len(parts) > 5 else parts[3] if not api else "main"
        by_commit = {commit_of(folder): folder for folder in folders.values()}
        folder = folders.get(revision) or by_commit.get(revision)
        if folder is None:
            self._refuse("RevisionNotFound")
        elif api:
            self._list(name, folder, tree="tree" in parts)
        else:
            self._file(folder, "/".join(parts[4:]), body=body)

    def _list(self, name: str, folder: Path, *, tree: bool) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [path.relative_to(folder).as_posix() for path in files]
        if tree:
            found = [
                {"type": "file", "path": n, "size": p.stat().st_size, "oid": "0" * 40}
                for n, p in zip(names, files, strict=True)
            ]
        else:
            found = {
                "id": name, "modelId": name, "sha": commit_of(folder), "private": False,
                "siblings": [{"rfilename": n} for n in names], "tags": [], "downloads": 0,
            }  # fmt: skip
        data = json.dumps(found).encode()
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(data))})
        self.wfile.write(data)

    def _file(self, folder: Path, name: str, *, body: bool) -> None:
        if not (folder / name).is_file():
            self._refuse("EntryNotFound")
            return
        data = (folder / name).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if name in self.hub.wrong:
            data = bytes([data[0] ^ 1]) + data[1:]
        headers = {"X-Repo-Commit": commit_of(folder), "ETag": f'"{digest}"'}
        headers |= {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        start, status = 0, 200
        if asked := self.headers.get("Range"):
            start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        rest = data[start:]
        self._head(status, headers | {"Content-Length": str(len(rest))})
        if body and name in self.hub.broken:
            self.hub.broken.remove(name)
            self.wfile.write(rest[: len(rest) // 2])
            self.close_connection = True
            self.connection.close()
        elif body:
            self.wfile.write(rest)

    def _refuse(self, code: str) -> None:
        self._head(404, {"X-Error-Code": code, "X-Error-Message": code, "Content-Length": "0"})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
