"""A proxy before an HTTP server on loopback that is slow, refuses, breaks off and cuts answers short, as it is told."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade"})


@dataclass
class Fault:
    """What is done to one request instead of handing on its answer as it is."""

    kind: str
    """`status`, `truncate`, `reset`, `stall`."""
    status: int = 503
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass
class Plan:
    """What the proxy does. `fault` is asked for each request: its method, its path and how often that pair came."""

    latency: float = 0.0
    fault: Callable[[str, str, int], Fault | None] = lambda _method, _path, _times: None
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    most_at_once: int = 0
    """Requests that were open together, at their highest."""


class Proxy:
    """Runs in threads of this process until it is closed. A context manager."""

    def __init__(self, to_port: int, plan: Plan) -> None:
        self.plan = plan
        handler = type("Handler", (_Handler,), {"plan": plan, "to_port": to_port, "lock": threading.Lock(), "now": [0]})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plan: Plan
    to_port: int
    lock: threading.Lock
    now: list[int]

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _pass(self) -> None:
        plan, path = self.plan, self.path.partition("?")[0]
        with self.lock:
            plan.requests[self.command, path] += 1
            times = plan.requests[self.command, path]
            self.now[0] += 1
            plan.most_at_once = max(plan.most_at_once, self.now[0])
        try:
            time.sleep(plan.latency)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(plan.fault(self.command, path, times), body)
        finally:
            with self.lock:
                self.now[0] -= 1

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _pass  # noqa: N815 - names of the base class

    def _answer(self, fault: Fault | None, body: bytes) -> None:
        if fault is not None and fault.kind == "reset":
            self._reset()
            return
        if fault is not None and fault.kind == "status":
            self._send(fault.status, list(fault.headers), fault.body)
            return
        onward = http.client.HTTPConnection("127.0.0.1", self.to_port, timeout=30)
        try:
            onward.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = onward.getresponse()
            data = answer.read()
            headers = [(key, value) for key, value in answer.getheaders() if key.lower() not in _HOP]
        finally:
            onward.close()
        if fault is not None and fault.kind == "truncate":
            self._send(answer.status, headers, data, cut=max(0, len(data) // 2))
            self._reset()
            return
        self._send(answer.status, headers, data)

    def _send(self, status: int, headers: list[tuple[str, str]], data: bytes, *, cut: int | None = None) -> None:
        self.send_response_only(status)
        lengths = [value for key, value in headers if key.lower() == "content-length"]
        for key, value in headers:
            if key.lower() != "content-length":
                self.send_header(key, value)
        length = lengths[0] if lengths and self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if cut is None else data[:cut])
            self.wfile.flush()

    def _reset(self) -> None:
        """As a server that dies: the client gets a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
