"""How often a store is asked, and what its errors are taken for."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossip.connectors.objects.asking import REQUESTS_AT_ONCE, Asking, RetryPolicy
from gossip.connectors.objects.failures import judged
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError


class _Boto(Exception):
    """As botocore's ClientError."""

    def __init__(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        super().__init__("https://key:word@host/?Signature=abc")
        meta = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}
        self.response = {"Error": {"Code": code}, "ResponseMetadata": meta}


class _Web(Exception):
    """As aiohttp's ClientResponseError."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__("https://key:word@host/")
        self.status = status
        self.headers = headers or {}


class EndpointConnectionError(Exception):
    """Named as botocore's."""


class ServerDisconnectedError(Exception):
    """Named as aiohttp's."""


class NoCredentialsError(Exception):
    """Named as botocore's."""


def caused(err: OSError, cause: Exception) -> OSError:
    """As s3fs hands an error on."""
    err.__cause__ = cause
    return err


CASES: list[tuple[BaseException, bool, type[GossipError], str, str]] = [
    (_Boto(503, "SlowDown"), True, RetryableError, "unreadable", "w: HTTP 503, SlowDown; try again"),
    (_Boto(500, "InternalError"), True, RetryableError, "unreadable", "w: HTTP 500, InternalError; try again"),
    (_Web(429), True, RetryableError, "unreadable", "w: HTTP 429; try again"),
    (_Web(502), True, RetryableError, "unreadable", "w: HTTP 502; try again"),
    (TimeoutError(), True, RetryableError, "unreadable", "w: TimeoutError; try again"),
    (ConnectionResetError(104, "x"), True, RetryableError, "unreadable", "w: ECONNRESET; try again"),
    (ServerDisconnectedError(), True, RetryableError, "unreadable", "w: ServerDisconnectedError; try again"),
    (
        EndpointConnectionError(),
        True,
        RetryableError,
        "unreadable",
        "w: the server cannot be reached (EndpointConnectionError); is it up?",
    ),
    (
        caused(PermissionError(13, "x"), _Boto(403, "AccessDenied")),
        False,
        PermanentError,
        "unreadable",
        "w: permission denied (HTTP 403, AccessDenied); check what the credentials may read",
    ),
    (
        _Web(401),
        False,
        PermanentError,
        "unreadable",
        "w: the credentials are not accepted (HTTP 401); check which ones are used",
    ),
    (
        _Boto(400, "ExpiredToken"),
        False,
        PermanentError,
        "unreadable",
        "w: the credentials have expired (HTTP 400, ExpiredToken); log in again",
    ),
    (
        _Boto(403, "InvalidAccessKeyId"),
        False,
        PermanentError,
        "unreadable",
        "w: the credentials are not accepted (HTTP 403, InvalidAccessKeyId); check which ones are used",
    ),
    (
        _Boto(403, "InvalidObjectState"),
        False,
        PermanentError,
        "unreadable",
        "w: archived; restore it to have it scanned",
    ),
    (
        NoCredentialsError(),
        False,
        PermanentError,
        "unreadable",
        "w: no usable credentials (NoCredentialsError); log in, or set the provider's variables",
    ),
    (
        caused(FileNotFoundError(2, "x"), _Boto(404, "NoSuchBucket")),
        False,
        PermanentError,
        "unreadable",
        "w: no such bucket; check its name and the endpoint",
    ),
    (
        caused(FileNotFoundError(2, "x"), _Boto(404, "NoSuchKey")),
        False,
        RetryableError,
        "vanished",
        "w: gone since it was listed",
    ),
    (_Web(404), False, RetryableError, "vanished", "w: gone since it was listed"),
    (
        _Boto(412, "PreconditionFailed"),
        False,
        RetryableError,
        "changed",
        "w: changed while it was read; the next scan reads it anew",
    ),
    (_Web(416), False, RetryableError, "changed", "w: changed while it was read; the next scan reads it anew"),
    (ValueError("a byte of a document"), False, PermanentError, "unreadable", "w: cannot be read (ValueError)"),
]


@pytest.mark.parametrize(("err", "passing", "kind", "loss", "line"), CASES)
def test_what_errors_mean(err: BaseException, passing: bool, kind: type[GossipError], loss: str, line: str) -> None:
    """Class, loss and line; and nothing of the library's own text."""
    problem = judged(err, "w")
    assert (problem.passing, isinstance(problem.error, kind), problem.error.loss_kind) == (passing, True, loss)
    assert str(problem.error) == line
    assert "word" not in line


def asked(answers: list[Any], policy: RetryPolicy | None = None) -> tuple[object, list[float]]:
    """What a request ends with, and the waits before that."""
    waits: list[float] = []
    left = list(answers)

    def request() -> object:
        answer = left.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    asking = Asking("test", policy, clock=lambda: sum(waits), sleep=waits.append, draw=lambda: 0.5)
    try:
        return asking("w", request), waits
    except GossipError as err:
        return type(err), waits


def test_attempts_and_waits() -> None:
    """Four in all, twice as long each time; nothing is asked again where that cannot help."""
    assert asked([_Web(503), _Web(503), _Web(503), "x"]) == ("x", [0.05, 0.1, 0.2])
    assert asked([_Web(503)] * 4 + ["x"]) == (RetryableError, [0.05, 0.1, 0.2])
    assert asked([_Web(403), "x"]) == (PermanentError, [])


def test_a_server_says_when() -> None:
    """It is waited for, but not for long, and not past the deadline. A date is no number."""
    assert asked([_Web(503, {"Retry-After": "7"}), "x"]) == ("x", [7.0])
    assert asked([_Boto(503, "SlowDown", {"retry-after": "2"}), "x"]) == ("x", [2.0])
    assert asked([_Web(503, {"Retry-After": "3600"}), "x"]) == (RetryableError, [])
    assert asked([_Web(429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}), "x"]) == ("x", [0.05])
    assert asked([_Web(503, {"Retry-After": "15"})] * 4, RetryPolicy(deadline=31)) == (RetryableError, [15.0, 15.0])


@given(st.integers(1, 60), st.floats(0, 1), st.floats(0, 1))
def test_waits_are_bounded(failures: int, jitter: float, draw: float) -> None:
    """By the cap and the jitter."""
    policy = RetryPolicy(jitter=jitter)
    wait = policy.wait(failures, None, draw)
    usual = min(policy.base * 2 ** (failures - 1), policy.cap)
    assert usual * (1 - jitter) - 1e-9 <= wait <= usual * (1 + jitter) + 1e-9


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"jitter": 1.5}, {"base": -1.0}, {"deadline": 0.0}])
def test_policies_that_make_no_sense(wrong: dict[str, Any]) -> None:
    """Refused when made."""
    with pytest.raises(MisuseError):
        RetryPolicy(**wrong)


def test_permits() -> None:
    """No more requests at once than permits, whoever asks; all are given back, after errors too."""
    lock, now, most = threading.Lock(), 0, 0
    barrier = threading.Event()

    def request() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        barrier.wait(0.05)
        with lock:
            now -= 1
        raise ValueError

    def work() -> None:
        with pytest.raises(PermanentError):
            Asking("one endpoint")("w", request)

    threads = [threading.Thread(target=work) for _ in range(2 * REQUESTS_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, now) == (REQUESTS_AT_ONCE, 0)
