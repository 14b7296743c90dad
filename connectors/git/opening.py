"""The documents of units, read from the object store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gossip.connectors.git.documents import blob_document
from gossip.connectors.git.history import author_of
from gossip.connectors.git.loose import MissingObjectError
from gossip.connectors.git.packs.pack import BLOB, loss_kind
from gossip.connectors.git.packs.reader import UnitReader
from gossip.engine.findings import display_path
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss
from gossip.schemas.units import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.git.packs.plan import PackUnit
    from gossip.connectors.git.store import ObjectStore
    from gossip.schemas.protocols import Opened


def open_pack(store: ObjectStore, unit: PackUnit) -> Iterator[Opened]:
    """The wanted blobs of a unit of a pack."""
    file = store.pack_at(Path(unit.pack))
    if file is None:
        yield Loss("vanished", unit.pack, "the repository was packed anew during the scan; scan again")
        return
    for rebuilt in UnitReader(file.pack, unit, file.index, file.checks).objects():
        name = file.index.name(unit.entries[rebuilt.node])
        if rebuilt.error:
            yield _from_elsewhere(store, name, rebuilt.error)
        elif rebuilt.data is not None:
            yield blob_document(name, rebuilt.data, lineage=rebuilt.lineage)
        elif rebuilt.pieces is not None:
            try:
                first = next(rebuilt.pieces, b"")
            except PermanentError as err:
                yield Loss("damaged-object", name.hex(), str(err))
            else:
                yield blob_document(name, first, rebuilt.pieces)


def _from_elsewhere(store: ObjectStore, name: bytes, error: PermanentError) -> Opened:
    """A blob that a pack cannot give, from whoever has it too; else the loss of it."""
    try:
        kind, data = store.read(name)
    except PermanentError:
        return Loss(loss_kind(error), name.hex(), str(error))
    if kind != BLOB:
        return Loss("damaged-object", name.hex(), str(error))
    return blob_document(name, data)


def open_object(store: ObjectStore, name: bytes, path: bytes | None, commit: bytes) -> Iterator[Opened]:
    """A blob; nothing where the object is none. `path` and `commit` where they are known beforehand."""
    where = name.hex() if path is None else f"{display_path(path)} ({name.hex()})"
    try:
        kind, data = store.read(name)
    except MissingObjectError:
        if path is None and not store.has(name):
            # It was there when it was planned; if anything leads to it, the walk misses it too.
            yield Loss("vanished", name.hex(), "the repository was packed anew during the scan; scan again")
        else:
            yield Loss("missing-object", name.hex(), "" if path is None else display_path(path))
    except PermanentError as err:
        yield Loss(loss_kind(err), where, str(err))
    else:
        if kind == BLOB:
            place = None if path is None else (lambda: place_of(store, path, commit))
            yield blob_document(name, data, place=place, path=path)


def place_of(store: ObjectStore, path: bytes, commit: bytes) -> Place:
    """A path in a commit (empty: none), with its author."""
    if not commit:
        return Place(path)
    try:
        author, email, date = author_of(store.read(commit)[1])
    except PermanentError:
        author = email = date = ""  # damaged since it was planned, where it was counted
    return Place(path, commit.hex(), author, email, date)
