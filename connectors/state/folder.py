"""The state folder: what kind of state it is, the tenant's key, which units may be tried again, and who holds it.

    format.json   version of the format, number of lanes, id of the tenant's key, place of the lake
    tenant.key    64 hex digits, readable by the owner alone; not there where the key comes from elsewhere
    unparked.json attempts that are forgiven, by unit; its lock is held while it is written
    lock          held by the processes of the run that uses the folder; names the first of them
    outbox/       findings that are in the lake and may not be on the topic of `--to` yet; an id for its transactions
    lake/         the lake, unless it is at a URI
    mirrors/      bare mirrors of remote repositories

But for the mirrors, no file holds a secret of what was scanned, nor a byte of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossip.connectors.lake.storage import LAKE_FOLDER, location
from gossip.engine.identity import HASH_BYTES, tenant_key_id
from gossip.schemas.config import parsed_key
from gossip.schemas.errors import MisuseError, PermanentError
from gossip.schemas.rows import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gossip.connectors.lake.storage import Location

FORMAT_VERSION = 1
LANES = 16
"""Commit lanes of a new state. One target has one lane, so this bounds the targets that commit at once."""
LOCK_WAIT_SECONDS = 5.0
"""How long processes of a run that was killed may take to notice it and go."""

_FORMAT, _KEY, _LOCK, _UNPARKED = "format.json", "tenant.key", "lock", "unparked.json"
_UNPARKED_LOCK = "unparked.lock"
_LOCK_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class State:
    """An opened state folder."""

    folder: str
    lake: Location
    lanes: int
    tenant_key: bytes = field(repr=False)
    unparked: Mapping[str, int] = field(default_factory=dict)


def open_state(
    folder: str, *, key: bytes | None = None, lake: str | None = None, options: Mapping[str, str] | None = None
) -> State:
    """Open a state folder, or make one. `key`: the tenant's, where it does not lie in the folder.

    Hold the folder (`held`) first. Raises MisuseError: a newer format, another key or lake than the state has, a folder
    that is something else.
    """
    with _explained(folder):
        found = _read_json(folder, _FORMAT)
        if found is None:
            found = _made(folder, key, lake)
        else:
            _check(folder, found)
        tenant_key = _tenant_key(folder, key, found)
        place = str(found.get("lake") or "")
        if lake is not None and _shown(lake) != place:
            raise MisuseError(
                f"{folder}: its lake is {place or os.path.join(folder, LAKE_FOLDER)}, not the one that --lake names; "
                "leave --lake out, or begin with another state folder"
            )
        unparked = _read_json(folder, _UNPARKED) or {}
    return State(folder, _lake(folder, lake or place, options), int(found["lanes"]), tenant_key, unparked)


def lake_of(folder: str, options: Mapping[str, str] | None = None) -> Location:
    """The lake of a state folder; nothing is made. Raises MisuseError."""
    with _explained(folder):
        found = _read_json(folder, _FORMAT)
        if found is not None:
            _check(folder, found)
    return _lake(folder, str(found.get("lake") or "") if found else "", options)


def unpark(folder: str, attempts: Mapping[str, int]) -> None:
    """Forgive units their attempts so far. A run that goes on meanwhile need not know; a watch looks."""
    import fcntl

    with _explained(folder), open(os.path.join(folder, _UNPARKED_LOCK), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(folder, _UNPARKED, json.dumps({**(_read_json(folder, _UNPARKED) or {}), **attempts}).encode(), 0o644)


def unparked_of(folder: str) -> dict[str, int]:
    """Attempts that are forgiven, by unit."""
    with _explained(folder):
        return _read_json(folder, _UNPARKED) or {}


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Hold the state for this process and those that it forks; made if it is not there.

    The system lets go of it when the last of them is gone, however they ended, so a lock is never stale. MisuseError
    where others hold it.
    """
    try:
        import fcntl
    except ImportError as err:
        raise MisuseError("--state needs file locks as Linux and macOS have them") from err
    with _explained(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as err:
                owner = _owner(handle)
                if _lives(owner) or time.monotonic() > deadline:
                    raise MisuseError(f"{folder}: in use by {_named(owner)}; wait for it to end, or stop it") from err
                time.sleep(0.02)
            else:
                break
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        os.close(handle)


def _owner(handle: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(handle, _LOCK_BYTES_MAX, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives(owner: dict[str, Any]) -> bool:
    """Whether the process that took the lock still runs; if not, those that it forked are about to go."""
    pid = owner.get("pid")
    if owner.get("host") != socket.gethostname() or not isinstance(pid, int):
        return bool(owner)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _named(owner: dict[str, Any]) -> str:
    return f"process {owner.get('pid', '?')} on {owner.get('host', '?')}"


def _made(folder: str, key: bytes | None, lake: str | None) -> dict[str, Any]:
    others = sorted(name for name in os.listdir(folder) if not name.startswith((_LOCK, _KEY, _FORMAT)))
    if others:
        raise MisuseError(f"{folder}: neither empty nor a state folder (it holds {others[0]}); name another one")
    if key is None:
        if not os.path.exists(os.path.join(folder, _KEY)):
            _write(folder, _KEY, secrets.token_hex(HASH_BYTES).encode() + b"\n", 0o600)
        key = _key_in(folder)
    made = {
        "format": FORMAT_VERSION,
        "lanes": LANES,
        "tenant_key_id": tenant_key_id(key).hex(),
        "lake": _shown(lake) if lake else "",
    }
    # Last: a folder without it is made anew, with the key that is there.
    _write(folder, _FORMAT, json.dumps(made, indent=1).encode() + b"\n", 0o644)
    return made


def _check(folder: str, found: dict[str, Any]) -> None:
    version = found.get("format")
    if not isinstance(version, int) or version < 1:
        raise PermanentError(f"{folder}: {_FORMAT} does not say which format it has; it is damaged")
    if version > FORMAT_VERSION:
        raise MisuseError(
            f"{folder}: format {version} is newer than this version of Gossip knows ({FORMAT_VERSION}); update Gossip"
        )


def _tenant_key(folder: str, given: bytes | None, found: dict[str, Any]) -> bytes:
    key = given if given is not None else _key_in(folder)
    if tenant_key_id(key).hex() != found.get("tenant_key_id"):
        raise MisuseError(
            f"{folder}: made with another tenant key; give that one (--tenant-key-file, GOSSIP_TENANT_KEY), or begin "
            "with another state folder"
        )
    return key


def _key_in(folder: str) -> bytes:
    path = Path(folder) / _KEY
    try:
        return parsed_key(path.read_bytes(), str(path))
    except FileNotFoundError as err:
        raise MisuseError(
            f"{path}: not there; give the tenant key that the state was made with (--tenant-key-file, "
            "GOSSIP_TENANT_KEY)"
        ) from err


def _lake(folder: str, place: str, options: Mapping[str, str] | None) -> Location:
    return location(place or os.path.join(folder, LAKE_FOLDER), options)


def _shown(lake: str) -> str:
    """How a lake is written down: absolute, without credentials."""
    return without_credentials(location(lake).uri)


def _read_json(folder: str, name: str) -> dict[str, Any] | None:
    try:
        found = json.loads((Path(folder) / name).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as err:
        raise PermanentError(f"{folder}: {name} is damaged") from err
    if not isinstance(found, dict):
        raise PermanentError(f"{folder}: {name} is damaged")
    return found


def _write(folder: str, name: str, data: bytes, mode: int) -> None:
    """Put a file in place whole, or not at all."""
    path = os.path.join(folder, name)
    beside = f"{path}.{os.getpid()}"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


@contextlib.contextmanager
def _explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise MisuseError(f"state folder {folder}: {err.strerror or err}") from err
