"""Repositories that Git packs in drawn ways: every object, of every kind, as libgit2 reads it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.git.packs import plan, reader
from gossip.connectors.git.packs.pack import BLOB
from gossip.connectors.git.store import ObjectStore
from tests.support.realgit import as_libgit2_reads, chained_history, git, needs_git, pack_some, packs_of
from tests.unit.git.reading import read_pack


@needs_git
@given(
    seed=st.integers(0, 10_000),
    commits=st.integers(1, 12),
    depth=st.sampled_from([0, 1, 3, 250]),
    threshold=st.sampled_from(["1", "3k", "512m"]),
    by_distance=st.booleans(),
    version=st.sampled_from(["1", "2", "2,0x20"]),
    parts=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=3),
    multi=st.booleans(),
    unit=st.sampled_from([1, 4000, 1 << 21]),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_object_is_as_libgit2_reads_it(  # noqa: PLR0913
    *,
    seed: int,
    commits: int,
    depth: int,
    threshold: str,
    by_distance: bool,
    version: str,
    parts: list[tuple[int, int]],
    multi: bool,
    unit: int,
) -> None:
    """Deltas by distance or name, chains of any depth, indexes of both versions, overlapping packs, loose ones beside."""
    with tempfile.TemporaryDirectory() as folder:
        path = chained_history(Path(folder) / "repo", commits, seed, files=2)
        wanted = as_libgit2_reads(path)
        names = sorted(wanted)
        config = [
            "-c",
            f"core.bigFileThreshold={threshold}",
            "-c",
            f"repack.useDeltaBaseOffset={str(by_distance).lower()}",
        ]
        if seed % 3:
            git(path, *config, "repack", "-adfq", f"--depth={depth}", "--window=30")
        for low, high in parts:
            some = names[low * len(names) // 100 : high * len(names) // 100]
            if some:
                pack_some(path, some, *(["--delta-base-offset"] if by_distance else []))
        for pack in packs_of(path):
            pack.with_suffix(".idx").unlink()
            git(path, "index-pack", f"--index-version={version}", str(pack))
        if multi and packs_of(path):
            git(path, "multi-pack-index", "write")
        git(path, "prune-packed", "-q")

        store = ObjectStore(path / "objects")
        assert {name: store.read(name) for name in names} == wanted
        assert all(map(store.has, names))
        loose = {name for name, _ in store.loose()}
        assert loose | {name for name in names if store.find(name)} == set(names)
        assert store.losses == []
        blobs = {}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plan, "UNIT_BYTES", unit)
            patch.setattr(reader, "HELD_BYTES_MAX", unit)
            for pack in packs_of(path):
                read = read_pack(pack)
                assert (read.errors, read.foreign, read.damaged) == ({}, [], [])
                blobs.update(read.blobs)
        packed = {name: item[1] for name, item in wanted.items() if item[0] == BLOB and store.find(name)}
        assert blobs == packed
