"""Whether what a repository was known to lack has to be looked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.git.history import commits_at, read_graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.connectors.git.store import ObjectStore


def outdated(
    store: ObjectStore,
    tips: list[tuple[bytes, str]],
    shallow: frozenset[bytes],
    covered: frozenset[str],
    missing: Iterable[str],
) -> bool:
    """Whether a missing object is there now, or refs no longer lead to all that was covered: what is missing behind a
    branch that was deleted or rewritten is nobody's business any more.
    """
    if any(store.has(bytes.fromhex(name)) for name in missing):
        return True
    gone = [bytes.fromhex(tip) for tip in covered.difference(name.hex() for name, _ in tips)]
    if not gone:
        return False
    commits = commits_at(store, gone)
    return len(commits) < len(gone) or not read_graph(store, tips, shallow).commits.keys() >= set(commits)
