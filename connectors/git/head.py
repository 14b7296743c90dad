"""Whether what was found in a repository is in its HEAD now."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gossip.connectors.files.presence import DiskHead, raw_paths
from gossip.connectors.git.history import author_of, parse_commit
from gossip.connectors.git.trees import TreeEntry, TreeReader, parse_entries, tree_entry
from gossip.schemas.errors import PermanentError

if TYPE_CHECKING:
    from gossip.connectors.git.repository import Repository
    from gossip.connectors.git.store import ObjectStore
    from gossip.schemas.protocols import Seen


class RepositoryHead:
    """A `Head`: the tree of HEAD's commit, and for what was found in no blob the files of the checkout.

    Raises PermanentError where HEAD cannot be known. Nothing is read before it is asked for.
    """

    def __init__(self, repository: Repository, store: ObjectStore) -> None:
        name = repository.head()
        self._name = name
        self._store = store
        self.commit = name.hex() if name else ""
        self._disk = DiskHead(repository.workdir) if repository.workdir is not None else None
        self._folders: dict[bytes, dict[bytes, TreeEntry] | None] = {}

    @cached_property
    def _trees(self) -> TreeReader:
        return TreeReader(self._store)

    @cached_property
    def _commit(self) -> bytes:
        return self._store.read(self._name)[1] if self._name else b""

    @cached_property
    def _author(self) -> tuple[str, str, str]:
        return author_of(self._commit) if self._commit else ("", "", "")

    @property
    def author(self) -> str:
        """Author of HEAD's commit."""
        return self._author[0]

    @property
    def email(self) -> str:
        """The author's address."""
        return self._author[1]

    @property
    def date(self) -> str:
        """Author date, ISO 8601."""
        return self._author[2]

    def holds(self, seen: Seen) -> bool:
        """Whether HEAD has the blob at the path; of what was found in a file, whether the checkout has it."""
        if not seen.object_id:
            return self._disk is not None and self._disk.holds(seen)
        if not self._name:
            return False
        return any(self._has(path, seen.object_id) for path in raw_paths(seen.path))

    def _has(self, path: bytes, blob: str) -> bool:
        """Whether the blob is at the path; True where a tree on the way cannot be read, which is a loss elsewhere."""
        *folders, name = path.split(b"/")
        tree = parse_commit(self._commit).tree
        for part in folders:
            entries = self._entries(tree, path)
            if entries is None:
                return True
            entry = entries.get(part)
            if entry is None or not entry.is_tree:
                return False
            tree = entry.id
        entries = self._entries(tree, path)
        return entries is None or (name in entries and entries[name].id.hex() == blob)

    def _entries(self, tree: bytes, where: bytes) -> dict[bytes, TreeEntry] | None:
        if tree not in self._folders:
            data = self._trees.tree(tree, where).data
            try:
                lost = any(loss.where == tree.hex() for loss in self._trees.losses)
                found = None if lost else {entry.name: entry for entry in map(tree_entry, parse_entries(data))}
            except PermanentError:
                found = None
            self._folders[tree] = found
        return self._folders[tree]
