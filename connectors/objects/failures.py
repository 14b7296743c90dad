"""What a store's error means: whether to ask again, what is lost, and one line for people.

Libraries word their errors with URLs, signatures and answers of servers, so nothing of their texts is shown: the line
is made of the status, the store's error code and the kind of the error.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gossip.schemas.errors import GossipError, PermanentError, RetryableError

_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_CODES = frozenset(
    {"InternalError", "RequestTimeout", "RequestTimeTooSkewed", "ServiceUnavailable", "SlowDown", "Throttling"}
    | {"ThrottlingException", "TooManyRequests", "OperationTimedOut", "ServerBusy"}
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"})
_REFUSED = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "AuthorizationHeaderMalformed"}
    | {"AuthenticationFailed", "InvalidClientTokenId", "AuthenticationException", "BadHostKeyException"}
)
_NO_BUCKET = frozenset({"ContainerNotFound", "InvalidBucketName", "NoSuchBucket"})
_CHANGED = frozenset({"PreconditionFailed", "ConditionNotMet", "InvalidRange"})
_NO_LOGIN = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"}
    | {"DefaultCredentialsError", "ProfileNotFound", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "RefreshError"}
)
_PASSING_TYPES = frozenset(
    {"ClientPayloadError", "ConnectTimeoutError", "ConnectionClosedError", "ConnectionTimeoutError", "FSTimeoutError"}
    | {"EndpointConnectionError", "HTTPClientError", "IncompleteReadError", "ReadTimeoutError", "ContentLengthError"}
    | {"ResponseParserError", "ResponseStreamingError", "ServerDisconnectedError", "ServerTimeoutError", "SSHException"}
    | {"ServiceRequestError", "ServiceResponseError", "IncompleteRead", "ProtocolError", "ClientOSError", "EOFError"}
    | {"ClientConnectorError", "ClientConnectionResetError", "NoValidConnectionsError", "ReadTimeout", "ConnectTimeout"}
)
_UNREACHABLE = frozenset({"EndpointConnectionError", "ClientConnectorError", "ConnectTimeoutError", "ConnectTimeout"})
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CHAIN_MAX = 8
RETRY_AFTER_SECONDS_MAX = 20.0
"""A server that asks for more patience than this is asked again by a later run."""


class ChangedError(RetryableError):
    """An object became another one while it was read."""

    loss_kind = "changed"


class GoneError(RetryableError):
    """An object that was listed is not there any more."""

    loss_kind = "vanished"


class NotThereError(PermanentError):
    """What a target names does not exist."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of a library, judged."""

    error: GossipError
    passing: bool
    """The same request may succeed in a moment."""
    wait: float | None = None
    """Seconds after which the server wants to be asked again."""


def judged(err: BaseException, where: str, *, listed: bool = True) -> Problem:
    """What an error of a store means. `where` is shown, and holds no login; `listed`: it is about an object that a
    listing named.
    """
    if isinstance(err, GossipError):
        return Problem(err, passing=isinstance(err, RetryableError) and not isinstance(err, ChangedError | GoneError))
    chain = list(_chain(err))
    status, code = _first(chain, _status), _first(chain, _code)
    names = {type(one).__name__ for one in chain}
    said = f"HTTP {status}" + (f", {code}" if code else "") if status else code or _kind(chain)
    if status in (412, 416) or code in _CHANGED:
        return Problem(ChangedError(f"{where}: changed while it was read; the next scan reads it anew"), passing=False)
    if code in _NO_BUCKET:
        return Problem(NotThereError(f"{where}: no such bucket; check its name and the endpoint"), passing=False)
    access = _access(where, status, code, names, said, chain)
    if access is not None:
        return Problem(access, passing=False)
    if status in (404, 410) or any(isinstance(one, FileNotFoundError) for one in chain):
        gone = f"{where}: gone since it was listed" if listed else f"{where}: nothing there; check the name"
        return Problem(GoneError(gone) if listed else NotThereError(gone), passing=False)
    if names & _UNREACHABLE or any(isinstance(one, ConnectionRefusedError) for one in chain):
        return Problem(RetryableError(f"{where}: the server cannot be reached ({said}); is it up?"), passing=True)
    passing = status in _PASSING_STATUS or code in _PASSING_CODES or bool(names & _PASSING_TYPES)
    passing = passing or any(isinstance(one, ConnectionError | TimeoutError) for one in chain)
    if passing:
        return Problem(RetryableError(f"{where}: {said}; try again"), passing=True, wait=_first(chain, _retry_after))
    return Problem(PermanentError(f"{where}: cannot be read ({said})"), passing=False)


def _access(
    where: str, status: int | None, code: str | None, names: set[str], said: str, chain: list[BaseException]
) -> GossipError | None:
    if code in _EXPIRED:
        return PermanentError(f"{where}: the credentials have expired ({said}); log in again")
    if code in _REFUSED or names & _REFUSED or status == 401:
        return PermanentError(f"{where}: the credentials are not accepted ({said}); check which ones are used")
    if names & _NO_LOGIN:
        return PermanentError(f"{where}: no usable credentials ({said}); log in, or set the provider's variables")
    if status == 403 and code == "InvalidObjectState":
        return PermanentError(f"{where}: archived; restore it to have it scanned")
    if status == 403 or any(isinstance(one, PermissionError) for one in chain):
        return PermanentError(f"{where}: permission denied ({said}); check what the credentials may read")
    return None


def _chain(err: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of."""
    seen: BaseException | None = err
    for _ in range(_CHAIN_MAX):
        if seen is None:
            return
        yield seen
        for inner in ("os_error", "inner_exception"):  # aiohttp and azure keep the cause there
            found = getattr(seen, inner, None)
            if isinstance(found, BaseException):
                yield found
        seen = seen.__cause__ or seen.__context__


def _first(chain: list[BaseException], get: Any) -> Any:
    return next((found for found in map(get, chain) if found is not None), None)


def _status(err: BaseException) -> int | None:
    response = getattr(err, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(found, int) and found >= 300:
            return found
    names = ("status", "status_code", "code")
    values = (getattr(err, name, None) for name in names)
    own = next((value for value in values if isinstance(value, int) and 300 <= value < 600), None)
    if own is None and response is not None and not isinstance(response, dict):
        own = getattr(response, "status_code", None)
    return own if isinstance(own, int) and 300 <= own < 600 else None


def _code(err: BaseException) -> str | None:
    response = getattr(err, "response", None)
    found = response.get("Error", {}).get("Code") if isinstance(response, dict) else getattr(err, "error_code", None)
    text = str(getattr(found, "value", found))
    return text if found and _CODE.fullmatch(text) and not text.isdigit() else None


def _retry_after(err: BaseException) -> float | None:
    response = getattr(err, "response", None)
    headers: Any = getattr(err, "headers", None) or getattr(response, "headers", None)
    if isinstance(response, dict):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    try:
        found = next((value for key, value in dict(headers or {}).items() if str(key).lower() == "retry-after"), None)
        return None if found is None else max(0.0, min(float(found), 1e6))
    except (TypeError, ValueError):
        return None  # a date: the own waits do


def _kind(chain: list[BaseException]) -> str:
    """The kind of an error, by the system's name for it where there is one."""
    for one in reversed(chain):
        name = errno.errorcode.get(one.errno or 0) if isinstance(one, OSError) else None
        if name is not None:
            return name
    return type(chain[0]).__name__
