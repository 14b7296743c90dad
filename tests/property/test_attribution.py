"""First commits and paths in drawn repositories on disk, from refs to places, against an oracle that lists every tree of
every commit and shares no code with the product.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.git import source as source_module
from gossip.connectors.git.source import GitSource
from gossip.schemas.units import HistoryUnit, Target, WalkUnit
from tests.support.repos import Link, RepoWriter, Submodule, naive_attribution

PATHS = [b"a", b"b", b"d/a", b"d/b", b"d/e/a", b"d/e/f/a", b"d.x", b"d-x/a", b"z/\xff", b"40000 d"]
CONTENTS: list[bytes | Link | Submodule] = [b"", b"one", b"two", b"three", b"four", b"five", Link(b"one"), Link(b"d/a")]
CONTENTS += [Submodule("5" * 40), Submodule("6" * 40)]
Files = dict[bytes, bytes | Link | Submodule]


def _clash(files: Files, path: bytes) -> list[bytes]:
    """Paths that cannot be there beside this one: a file in the place of a folder."""
    return [other for other in files if other.startswith(path + b"/") or path.startswith(other + b"/")]


@st.composite
def edited(draw: st.DrawFn, before: Files) -> Files:
    """Some files added, changed, removed, renamed, copied, or turned from a file to a folder."""
    files = dict(before)
    for _ in range(draw(st.integers(0, 3))):
        path, action = draw(st.sampled_from(PATHS)), draw(st.sampled_from(["set", "set", "remove", "rename", "copy"]))
        if action == "remove":
            files.pop(path, None)
            continue
        content = draw(st.sampled_from(CONTENTS))
        if action != "set" and files:
            source = draw(st.sampled_from(sorted(files)))
            content = files.pop(source) if action == "rename" else files[source]
        for other in _clash(files, path):
            del files[other]
        files[path] = content
    return files


Drawn = tuple[Files, list[int], int]


@st.composite
def histories(draw: st.DrawFn) -> list[Drawn]:
    """(files, numbers of the parents, committer time): merges of any shape, reverts, several roots, clocks that agree,
    stand still, or run backwards.
    """
    commits: list[Drawn] = []
    for number in range(draw(st.integers(1, 10))):
        earlier = st.integers(0, number - 1)
        parents = draw(st.lists(earlier, max_size=min(number, 4), unique=True)) if number else []
        # Any earlier state, not only a parent's: a revert.
        before = commits[draw(earlier)][0] if number else {}
        commits.append((draw(edited(before)), parents, draw(st.integers(0, 4))))
    return commits


@given(
    histories(),
    st.sets(st.integers(0, 9), max_size=4),
    st.sampled_from([1, 2, 512]),
    st.sampled_from(["loose", "packed", "graph"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_places_from_refs_to_paths(commits: list[Drawn], branches: set[int], run: int, form: str) -> None:
    """Every blob that refs lead to has the oracle's commit and path, in history units of any size, however objects and
    commits are stored; what they do not lead to has none.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "COMMITS_PER_UNIT", run)
        w = RepoWriter.create(Path(folder) / "repo", bare=True)
        names: list[str] = []
        for files, parents, time in commits:
            names.append(w.commit(files, tuple(names[parent] for parent in parents), when=1_700_000_000 + time))
        for number in {min(branch, len(names) - 1) for branch in branches | {len(names) - 1}}:
            w.ref(f"refs/heads/b{number}", names[number])
        blobs = [name for name in w.loose_ids() if w.repo[name].type_str == "blob"]
        if form != "loose":
            ids = w.loose_ids()
            w.pack(ids)
            w.drop_loose(ids)
        path = w.built().path
        if form == "graph" and shutil.which("git"):
            subprocess.run(["git", "-C", str(path), "commit-graph", "write", "--reachable", "--split"], check=True)
        source = GitSource(Target("git", str(path), "repo", (("mode", "history"),)))
        wanted = frozenset(map(bytes.fromhex, blobs))
        walks = [source.walk(WalkUnit(unit, wanted), None) for unit in source.plan() if isinstance(unit, HistoryUnit)]
        assert [loss for walk in walks for loss in walk.losses] == []
        found: dict[str, tuple[bytes, str]] = {}
        for place in sorted((place for walk in walks for place in walk.places), key=lambda place: place.order):
            found.setdefault(place.blob.hex(), (place.place.path, place.place.commit))
        assert found == naive_attribution(path)
