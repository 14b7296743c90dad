"""Where a lake lies: its URI for Delta, and the file system and folder for reads of its Parquet files.

Reads go through pyarrow's own file systems and never through the Delta library's reader: a process that has used that
one may abort when the interpreter ends, and an exit status is a contract here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError
from gossip.schemas.rows import without_credentials

LAKE_FOLDER = "lake"
"""Name of the lake inside a state folder."""

_REASON_CHARS_MAX = 300
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_DENIED = re.compile(r"permission denied|access ?denied|forbidden|unauthorized|status 40[13]", re.IGNORECASE)
_ABSENT = re.compile(r"404 Not Found|NoSuchBucket|bucket does not exist", re.IGNORECASE)
_PASSING = re.compile(
    r"time(?:d )?out|connect|no space left|quota|too many|slow ?down|generic \w+ error|error sending|resource busy",
    re.IGNORECASE,
)


class NewerFormatError(MisuseError):
    """The lake was written by a later version of Gossip or of Delta, in a format that this one cannot read."""


class LakeMissingError(MisuseError):
    """There is no lake at the place named."""


@dataclass(frozen=True)
class Location:
    """A lake's place. `options` are the object store's own (region, endpoint, keys); they are in no message."""

    uri: str
    """Absolute, without a slash at its end: `file:///...`, `s3://bucket/prefix`, ..."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def local(self) -> str | None:
        """The folder of a lake on this machine, else None."""
        parts = urlsplit(self.uri)
        return unquote(parts.path) if parts.scheme == "file" else None

    @property
    def shown(self) -> str:
        """What messages call it: no credentials."""
        return self.local or without_credentials(self.uri)

    def table_uri(self, table: str) -> str:
        """URI of one table."""
        return f"{self.uri}/{table}"

    def filesystem(self) -> tuple[Any, str]:
        """A pyarrow file system and the lake's folder in it. Raises MisuseError for a kind of URI that it lacks."""
        import pyarrow.fs as pa_fs

        if self.local is not None:
            return pa_fs.LocalFileSystem(), self.local
        parts = urlsplit(self.uri)
        root = f"{parts.netloc}{parts.path}"
        if parts.scheme in {"s3", "s3a"}:
            return _s3(self.options), root
        try:
            system, folder = pa_fs.FileSystem.from_uri(self.uri)
        except (ValueError, OSError) as err:
            raise MisuseError(
                f"{self.shown}: cannot read a lake there ({reason(err)}); use a folder, s3://, gs:// or abfs://"
            ) from err
        return system, folder


def location(place: str, options: Mapping[str, str] | None = None) -> Location:
    """The lake at a folder or URI. Raises MisuseError where Delta could not name it."""
    if "://" in place and not place.startswith("file://"):
        return Location(place.rstrip("/"), dict(options or {}))
    path = unquote(urlsplit(place).path) if place.startswith("file://") else os.path.abspath(place)
    if "%" in path:
        # The Delta library decodes a path twice, and then reads from another place than it wrote to.
        raise MisuseError(f"{path}: a lake's path cannot hold a percent sign; choose another folder")
    try:
        return Location(Path(path).as_uri().rstrip("/"), dict(options or {}))
    except UnicodeEncodeError as err:
        raise MisuseError(f"{path!a}: a lake's path must be UTF-8; choose another folder") from err


def location_of_state(folder: str) -> Location:
    """The lake of a `--state` folder."""
    return location(os.path.join(folder, LAKE_FOLDER))


def find_location(place: str, options: Mapping[str, str] | None = None) -> Location:
    """The lake that a user means by a folder or URI: the place itself, or the lake inside a state folder."""
    found = location(place, options)
    if found.local is None:
        return found
    inside = os.path.join(found.local, LAKE_FOLDER)
    return location(inside, options) if os.path.isdir(inside) else found


def reason(err: BaseException) -> str:
    """Why a library failed, as one short line without colours and credentials."""
    return _said(err)[:_REASON_CHARS_MAX] or type(err).__name__


def _said(err: BaseException) -> str:
    """All of it: what matters may come last."""
    text = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
    return without_credentials(" ".join(_ANSI.sub("", text).split()))


def classed(err: Exception, doing: str, where: str) -> GossipError:
    """The error of ours that tells a caller what to do about a library's."""
    why = reason(err)
    if isinstance(err, PermissionError) or _DENIED.search(_said(err)):
        return MisuseError(f"{where}: permission denied, cannot {doing}; check who owns it and which keys are used")
    if isinstance(err, OSError) or _PASSING.search(_said(err)):
        return RetryableError(f"{where}: cannot {doing}: {why}; try again")
    return PermanentError(f"{where}: cannot {doing}: {why}")


@contextmanager
def guarded(doing: str, where: str) -> Iterator[None]:
    """Turn what the Delta and Arrow libraries raise into errors of ours. A lost race (CommitFailedError) passes."""
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError, DeltaError, DeltaProtocolError, TableNotFoundError

    try:
        yield
    except CommitFailedError:
        raise
    except TableNotFoundError as err:
        if _DENIED.search(_said(err)):
            raise classed(err, doing, where) from err
        raise LakeMissingError(f"{where}: no lake there; `gossip scan --state DIR` makes one") from err
    except DeltaProtocolError as err:
        raise NewerFormatError(f"{where}: its Delta format is not supported ({reason(err)}); upgrade Gossip") from err
    except (DeltaError, OSError, pa.ArrowException) as err:
        if _ABSENT.search(_said(err)):
            raise LakeMissingError(f"{where}: no lake there, and no such bucket; check the name") from err
        raise classed(err, doing, where) from err


def _s3(options: Mapping[str, str]) -> Any:
    import pyarrow.fs as pa_fs

    given = {key.lower().removeprefix("aws_"): value for key, value in options.items()}
    named = {key.lower().removeprefix("aws_"): value for key, value in os.environ.items() if key.startswith("AWS_")}
    found = {**named, **given}
    endpoint = found.get("endpoint_url") or found.get("endpoint") or ""
    scheme, _, host = endpoint.rpartition("://")
    arguments: dict[str, Any] = {
        "access_key": found.get("access_key_id"),
        "secret_key": found.get("secret_access_key"),
        "session_token": found.get("session_token") or found.get("token"),
        "region": found.get("region") or found.get("default_region"),
    }
    if host:
        arguments |= {"endpoint_override": host.rstrip("/"), "scheme": scheme or "https"}
    if found.get("virtual_hosted_style_request", "").lower() == "true":
        arguments["force_virtual_addressing"] = True
    if found.get("skip_signature", "").lower() == "true":
        arguments["anonymous"] = True
    return pa_fs.S3FileSystem(**{key: value for key, value in arguments.items() if value is not None})
