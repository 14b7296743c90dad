"""A Git server on loopback that can fail in every way: dulwich's smart HTTP behind a layer of trouble.

with GitServer(folder) as server:
    server.url("app")                  # of the bare repository folder/app
    server.trouble = Trouble(cut=1)    # from the next request on
"""

from __future__ import annotations

import base64
import os
import socket
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Self
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from dulwich.errors import NotGitRepository
from dulwich.repo import Repo
from dulwich.server import Backend
from dulwich.web import GunzipFilter, HTTPGitApplication, LimitedInputFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass
class Trouble:
    """What goes wrong. Numbers count down with each time."""

    login: tuple[str, str] | None = None
    """The only user and password that are let in."""
    unavailable: int = 0
    """Answers of 503."""
    cut: int = 0
    """Packs that end after `cut_bytes`, as if all had been sent."""
    reset: int = 0
    """Packs whose connection is reset after `cut_bytes`."""
    cut_bytes: int = 400
    hold: threading.Event | None = None
    """A pack stops after `cut_bytes` until this is set."""
    redirect: str = ""
    """Where every listing of refs is said to have moved."""


class _Folders(Backend):
    """Opens the repository of a path anew for every request."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open_repository(self, path: Any) -> Any:
        place = self._root / os.fsdecode(path).strip("/")
        if not (place / "HEAD").exists():
            raise NotGitRepository(os.fsdecode(path))
        return Repo(str(place))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are what the tests are about."""


class _Handler(ServerHandler):
    http_version = "1.1"

    def cleanup_headers(self) -> None:
        """One request a connection."""
        super().cleanup_headers()
        self.headers["Connection"] = "close"

    def log_exception(self, exc_info: Any) -> None:
        """Not to stderr."""


class _RequestHandler(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Silence."""

    def handle(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.parse_request():
            return
        env = self.get_environ()
        env["test.socket"] = self.connection
        env["HTTP_AUTHORIZATION"] = self.headers.get("Authorization", "")
        handler = _Handler(self.rfile, self.wfile, self.get_stderr(), env)  # type: ignore[arg-type]
        handler.request_handler = self  # type: ignore[attr-defined]
        handler.run(self.server.get_app())  # type: ignore[attr-defined]


class GitServer:
    """Serves the bare repositories of a folder over HTTP."""

    def __init__(self, root: Path, trouble: Trouble | None = None) -> None:
        self.trouble = trouble or Trouble()
        self.requests: list[str] = []
        """Method and path of each request, less those that were refused."""
        self.held = threading.Event()
        """Set when a pack waits for `Trouble.hold`."""
        application = HTTPGitApplication(_Folders(root))
        self._inner = GunzipFilter(LimitedInputFilter(application))
        self._server = _Server(("127.0.0.1", 0), _RequestHandler)
        self._server.set_app(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def packs(self) -> int:
        """How many packs were asked for."""
        return sum(request.startswith("POST") for request in self.requests)

    def url(self, name: str, login: str = "") -> str:
        """The URL of a repository; `login` is `user:password`."""
        return f"http://{login and login + '@'}127.0.0.1:{self._server.server_port}/{name}"

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        trouble = self.trouble
        if trouble.redirect:
            start("302 Found", [("Location", trouble.redirect), ("Content-Length", "0")])
            return []
        if trouble.login is not None:
            wanted = "Basic " + base64.b64encode(":".join(trouble.login).encode()).decode()
            if environ["HTTP_AUTHORIZATION"] != wanted:
                start("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="test"'), ("Content-Length", "0")])
                return []
        if trouble.unavailable:
            trouble.unavailable -= 1
            start("503 Service Unavailable", [("Content-Length", "0")])
            return []
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        said: list[Any] = []

        def begin(status: str, headers: list[tuple[str, str]], _exc: object = None) -> Callable[[bytes], object]:
            said[:] = [status, headers]
            return written.append

        written: list[bytes] = []
        answer = list(self._inner(environ, begin))
        body = b"".join([*written, *answer])
        status, headers = said
        start(status, [*headers, ("Content-Length", str(len(body)))])
        return self._troubled(body, environ) if environ["REQUEST_METHOD"] == "POST" else [body]

    def _troubled(self, body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
        trouble = self.trouble
        if not (trouble.cut or trouble.reset or trouble.hold):
            yield body
            return
        yield body[: trouble.cut_bytes]
        if trouble.cut:
            trouble.cut -= 1
        elif trouble.reset:
            trouble.reset -= 1
            linger = struct.pack("ii", 1, 0)  # close with a reset
            environ["test.socket"].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            environ["test.socket"].close()
        else:
            assert trouble.hold is not None
            self.held.set()
            trouble.hold.wait(30)
            yield body[trouble.cut_bytes :]
