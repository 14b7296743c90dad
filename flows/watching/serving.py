"""Metrics, `/healthz` and `/readyz` over HTTP: a process of its own, which reads what the watch leaves in memory.

A thread would not do: the watch forks workers, and a watch that hangs must still be seen to hang.
"""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import Struct
from typing import TYPE_CHECKING, Any

from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.process import BaseProcess

STALE_SECONDS = 60.0
"""A watch that has said nothing for so long hangs: it says something every half second."""
PAGE_BYTES_MAX = 4 << 20
REQUEST_SECONDS = 10.0
_HEAD = Struct("qdqq")
"""Sequence (odd while it is written), monotonic time of the last sign of life, whether ready, bytes of the page."""
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Board:
    """A page in memory that forked processes share. One writes, the others read."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size + PAGE_BYTES_MAX)
        self._sequence = 0
        self.put("", ready=False)

    def put(self, page: str, *, ready: bool) -> None:
        """Show a page, which is a sign of life too. What is over PAGE_BYTES_MAX is left out."""
        data = page.encode()[:PAGE_BYTES_MAX]
        _HEAD.pack_into(self._memory, 0, self._sequence + 1, time.monotonic(), ready, len(data))
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        self._sequence += 2
        _HEAD.pack_into(self._memory, 0, self._sequence, time.monotonic(), ready, len(data))

    def get(self) -> tuple[bytes, float, bool]:
        """The page, seconds since the last sign of life, whether the watch is ready."""
        while True:
            before, when, ready, size = _HEAD.unpack_from(self._memory, 0)
            data = self._memory[_HEAD.size : _HEAD.size + size]
            after = _HEAD.unpack_from(self._memory, 0)[0]
            if before == after and not before % 2:
                return data, time.monotonic() - when, bool(ready)
            time.sleep(0.001)


class Endpoint:
    """Serves a board until it is closed, or the process that made it is gone."""

    def __init__(self, place: str, board: Board) -> None:
        """Listens at once. Raises MisuseError where that is not possible, or `place` is no HOST:PORT."""
        host, port = parse_place(place)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            listener = socket.socket(found[0], socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[4])
            listener.listen(16)
        except OSError as err:
            raise MisuseError(f"--metrics {place}: cannot listen there: {(err.strerror or str(err)).lower()}") from err
        name = listener.getsockname()
        self.url = f"http://[{name[0]}]:{name[1]}" if ":" in name[0] else f"http://{name[0]}:{name[1]}"
        self._lifeline = os.pipe()
        context = multiprocessing.get_context("fork")
        self._process: BaseProcess = context.Process(target=self._serve, args=(listener, board), daemon=True)
        self._process.start()
        listener.close()
        os.close(self._lifeline[0])

    def close(self) -> None:
        """End it. Never raises."""
        with contextlib.suppress(OSError):
            os.close(self._lifeline[1])
        self._process.kill()
        self._process.join()

    def _serve(self, listener: socket.socket, board: Board) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.close(self._lifeline[1])
        threading.Thread(target=_exit_with, args=(self._lifeline[0],), daemon=True).start()
        server = _Server(listener, board)
        server.serve_forever()


def _exit_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(0)


def parse_place(place: str) -> tuple[str, int]:
    """(host, port) of `HOST:PORT`, `[IPV6]:PORT` or `:PORT`, which is this machine alone. Raises MisuseError.

    >>> parse_place(":9464"), parse_place("[::1]:0")
    (('127.0.0.1', 9464), ('::1', 0))
    """
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 0xFFFF:
        raise MisuseError(f"--metrics {place}: give HOST:PORT, as 127.0.0.1:9464; 0 takes any free port")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise MisuseError(f"--metrics {place}: put an IPv6 address in brackets, as [::1]:9464")
    return host or "127.0.0.1", int(port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, listener: socket.socket, board: Board) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.board = board

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is nobody's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_SECONDS
    server_version, sys_version = "gossip", ""

    def do_GET(self) -> None:
        """Answer."""
        page = _PAGES.get(self.path.partition("?")[0])
        code, text = (404, b"there are /metrics, /healthz and /readyz\n") if page is None else page(self.server.board)
        self.send_response(code)
        self.send_header("Content-Type", _TEXT)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: whoever asks may log."""


def _metrics(board: Board) -> tuple[int, bytes]:
    page, age, _ = board.get()
    extra = "# HELP gossip_heartbeat_age_seconds Seconds since the watch's last sign of life.\n"
    extra += f"# TYPE gossip_heartbeat_age_seconds gauge\ngossip_heartbeat_age_seconds {age:.3f}\n"
    return 200, page + extra.encode()


def _alive(board: Board) -> tuple[int, bytes]:
    _, age, _ = board.get()
    return (200, b"ok\n") if age < STALE_SECONDS else (503, f"no sign of life for {age:.0f} s\n".encode())


def _ready(board: Board) -> tuple[int, bytes]:
    _, _, ready = board.get()
    code, text = _alive(board)
    return (code, text) if code != 200 or ready else (503, b"the workers do not run\n")


_PAGES: dict[str, Callable[[Board], tuple[int, bytes]]] = {"/healthz": _alive, "/metrics": _metrics, "/readyz": _ready}
