"""Whether what was found in a file is still there: the file is read again, and its version compared."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from gossip.connectors.files.reading import open_file
from gossip.engine.identity import object_version_id, occurrence_id
from gossip.schemas.errors import GossipError
from gossip.schemas.protocols import Document, Opened, Seen
from gossip.schemas.summary import Loss

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def raw_paths(shown: str) -> Iterator[bytes]:
    """The paths that may be shown so: as it stands, and with the bytes for which escapes may stand."""
    plain = shown.encode("utf-8", "surrogateescape")
    yield plain
    odd = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), plain)
    if odd != plain:
        yield odd


class ReadHead:
    """A `Head` without commits: content by path. What is at a path that held something is opened once, and read where
    only that tells its version.
    """

    commit = author = email = date = ""

    def __init__(self, open_path: Callable[[bytes], Iterator[Opened]]) -> None:
        """`open_path`: the document at a path as it is now, or what became of it."""
        self._open = open_path
        self._versions: dict[str, tuple[bytes, ...] | None] = {}

    def holds(self, seen: Seen) -> bool:
        """Whether a file has the content in which the occurrence was seen, at the same path."""
        if seen.path not in self._versions:
            self._versions[seen.path] = self._read(seen.path)
        versions = self._versions[seen.path]
        if versions is None:
            return True
        finding = bytes.fromhex(seen.finding_id)
        inside = b"".join(b"\0" + name.encode("utf-8", "surrogateescape") for name in seen.container_path)
        length = max(1, seen.end - seen.start)
        return any(
            occurrence_id(finding, object_version_id(version + inside), seen.start, length).hex() == seen.occurrence_id
            for version in versions
        )

    def _read(self, shown: str) -> tuple[bytes, ...] | None:
        """The versions that occurrences at a path have now; None where it cannot be read."""
        found: list[bytes] = []
        for path in raw_paths(shown):
            try:
                for opened in self._open(path):
                    if isinstance(opened, Loss) and opened.kind != "vanished":
                        return None
                    if isinstance(opened, Document):
                        # Rules that look at paths alone do not ask for the content.
                        found += [opened.version(), path + b"\0"]
            except (GossipError, OSError):
                return None
        return tuple(found)


class DiskHead(ReadHead):
    """Files on this machine."""

    def __init__(self, root: bytes, *, folder: bool = True) -> None:
        def open_path(path: bytes) -> Iterator[Opened]:
            return open_file(os.path.join(root, path) if folder else root, path, follow=not folder)

        super().__init__(open_path)
