"""The file that `gossip watch` follows: what to watch, how often, and how to scan it."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.urls import is_remote, parse_remote
from gossip.flows.mirrors import is_waiting
from gossip.flows.run import STDIN, distinct, scan_config
from gossip.operators.follow import INTERVAL_SECONDS
from gossip.schemas.config import DecodeMode, ScanConfig
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gossip.connectors.git.urls import Remote

CONFIG_BYTES_MAX = 1 << 20
LIST_BYTES_MAX = 64 << 20
INTERVAL_SECONDS_MIN = 0.1
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_GLOB = re.compile(r"[*?\[]")


def seconds_of(value: object) -> object:
    """Seconds of a duration as people write it: `500ms`, `30s`, `5m`, `2h`, `1d`, or a number of seconds.

    >>> seconds_of("5m"), seconds_of(30)
    (300.0, 30)
    """
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError("not a duration; write 500ms, 30s, 5m, 2h or 1d")
        return float(found[1]) * _SECONDS[found[2]]
    return value


Duration = Annotated[float, BeforeValidator(seconds_of), Field(ge=INTERVAL_SECONDS_MIN)]


def _spelled(value: object) -> object:
    return "off" if value is False else value  # YAML takes a bare `off` for a truth value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Entry(_Strict):
    """One item of `targets`: a path, which may be a glob, a URL, or a file with one of these a line."""

    path: str | None = None
    file: str | None = None
    interval: Duration | None = None
    refs: list[str] = []
    exclude_refs: list[str] = []
    gitignore: bool = False
    ignored: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Entry:
        if bool(self.path) == bool(self.file):
            raise ValueError("give either path (of a target; globs work) or file (with one target a line)")
        return self


class WatchFile(_Strict):
    """The whole file."""

    targets: list[Entry] = Field(min_length=1)
    interval: Duration = INTERVAL_SECONDS
    rules: str | None = None
    min_confidence: int = Field(0, ge=0, le=10)
    decode: Annotated[DecodeMode, BeforeValidator(_spelled)] = "anchors"
    decode_depth: int | None = Field(None, ge=1, le=16)
    archives: bool = True
    scan_binary: bool = False
    events: str | None = None
    to: str | None = None
    kafka: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What a file says, once looked up on this machine."""

    config: ScanConfig
    files: tuple[str, ...]
    """Files that decided it: a change in one of them may change it."""
    absent: tuple[str, ...]
    """Targets that are not there (yet)."""
    remotes: Mapping[int, Remote] = field(default_factory=dict, repr=False)
    """By index: the targets that are fetched, with the logins that their URLs carried."""
    events: str | None = None
    """Address of a topic with push events."""
    kafka: tuple[tuple[str, str], ...] = ()
    """How to reach the topics."""
    to: str | None = None
    """Address of a topic that findings are sent to."""

    def plan(self) -> tuple[object, ...]:
        """Differs when a cluster that runs by it has to end for another one."""
        return self.config, self.remotes, self.events, self.kafka, self.to

    def signature(self) -> tuple[object, ...]:
        """Differs when one of the files was changed."""
        return tuple(_stat(path) for path in self.files)


def load_settings(path: str, *, tenant_key: bytes | None = None) -> WatchSettings:
    """Read the file, and look up what its targets are. Raises MisuseError, which names the place in the file."""
    said = _parsed(path)
    base = os.path.dirname(os.path.abspath(path))
    files = [path]
    rules = None
    if said.rules is not None:
        rules = os.path.join(base, os.path.expanduser(said.rules))
        files.append(rules)
    options: dict[str, Entry] = {}
    absent: list[str] = []
    for entry in said.targets:
        for name in _names(entry, base, files):
            if "://" in name or is_remote(name) or os.path.lexists(name):
                options.setdefault(name, entry)
            else:
                absent.append(name)
    names = distinct(options)
    if not names:
        raise MisuseError(
            f"{path}: none of its targets is there: {', '.join(absent[:3]) or 'no glob matches anything'}"
        )
    config = scan_config(
        names,
        rules=rules,
        min_confidence=said.min_confidence,
        decode=said.decode,
        decode_depth=said.decode_depth,
        archives=said.archives,
        scan_binary=said.scan_binary,
        tenant_key=tenant_key,
    )
    typed, targets = list(names), []
    remotes: dict[int, Remote] = {}
    for target in config.targets:
        entry = options[typed[target.index]]
        selection = RefSelection(tuple(entry.refs), tuple(entry.exclude_refs))
        selection.check()
        if not selection.everything and target.kind != "git":
            raise MisuseError(f"{path}: {target.name}: not a Git repository, and so without refs to choose")
        if is_waiting(target):
            remotes[target.index] = parse_remote(typed[target.index])
        more = {"interval": repr(entry.interval or said.interval), **selection.options()}
        more |= {"gitignore": "yes"} if entry.gitignore else {}
        more |= {"ignored": "yes"} if entry.ignored else {}
        targets.append(replace(target, options=tuple(sorted({**dict(target.options), **more}.items()))))
    for name, address in (("events", said.events), ("to", said.to)):
        if address is not None:
            _check_topic(f"{path}: {name}", address, said.kafka)
    return WatchSettings(
        replace(config, targets=tuple(targets)),
        tuple(files),
        tuple(absent),
        remotes,
        said.events,
        tuple(sorted(said.kafka.items())),
        said.to,
    )


def _check_topic(where: str, address: str, kafka: dict[str, str]) -> None:
    """Raise MisuseError unless the address and its options can be used; nobody is asked."""
    from gossip.connectors.kafka.address import parse_address
    from gossip.connectors.kafka.security import security_of

    try:
        parse_address(address)
        security_of(kafka, os.environ)
    except MisuseError as err:
        raise MisuseError(f"{where}: {err}") from err


def _parsed(path: str) -> WatchFile:
    data = _read(path, CONFIG_BYTES_MAX)
    try:
        found = yaml.safe_load(data)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise MisuseError(f"{path}:{where} not YAML: {getattr(err, 'problem', None) or 'cannot be read'}") from err
    if not isinstance(found, dict):
        raise MisuseError(f"{path}: must be a mapping with `targets`, as docs/watch.md shows")
    try:
        return WatchFile.model_validate(found)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MisuseError(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}") from err


def _names(entry: Entry, base: str, files: list[str]) -> Iterator[str]:
    if entry.path is not None:
        yield from _expanded(entry.path, base)
        return
    listed = os.path.join(base, os.path.expanduser(entry.file or ""))
    files.append(listed)
    for line in os.fsdecode(_read(listed, LIST_BYTES_MAX)).splitlines():
        name = line.strip()
        if name and not name.startswith("#"):
            yield from _expanded(name, base)


def _expanded(name: str, base: str) -> Iterator[str]:
    """What a name stands for, relative to the file's folder. A glob is one unless it exists."""
    if name == STDIN:
        raise MisuseError("targets: standard input cannot be watched; use `gossip scan -`")
    if is_remote(name) or "://" in name:
        yield name
        return
    path = os.path.join(base, os.path.expanduser(name))
    if _GLOB.search(path) and not os.path.lexists(path):
        yield from sorted(glob.iglob(path, recursive=True))
    else:
        yield path


def _read(path: str, limit: int) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as err:
        raise MisuseError(f"{path}: {err.strerror or err}") from err
    if len(data) > limit:
        raise MisuseError(f"{path}: larger than {limit} bytes; is it the right file?")
    return data


def _stat(path: str) -> tuple[Any, ...] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
