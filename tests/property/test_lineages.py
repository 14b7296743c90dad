"""Packs whose blobs are scanned by what tells them from their bases, against every blob scanned whole."""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pygit2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.connectors.git.packs import plan, reader
from gossip.engine.detect.detector import Detector
from gossip.flows.sources import open_source
from gossip.operators.scan import scan_unit
from gossip.operators.worker import Tools
from gossip.schemas.config import ScanConfig
from gossip.schemas.units import ScanUnit, Target, UnitResult
from tests.property.test_relative import PROGRAM, RULES, Step, chains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WAYS: list[Callable[[bytes], bytes]] = [
    bytes,
    bytes,
    lambda data: b"\xff\xfe" + data.decode("latin-1").encode("utf-16-le"),
    lambda data: data.replace(b"\n", b"\r\n"),
    lambda data: gzip.compress(data, mtime=0),
    lambda data: data[:100] + b"\0" + data[100:],
]


def packed(folder: Path, blobs: Iterable[bytes]) -> Target:
    """A repository with one pack of these blobs."""
    repo = pygit2.init_repository(str(folder), bare=True)
    for data in blobs:
        repo.create_blob(data)
    repo.pack(n_threads=1)
    for loose in (folder / "objects").glob("[0-9a-f][0-9a-f]/*"):
        loose.unlink()
    return Target("git", str(folder), "t", (("mode", "history"),))


def scanned(target: Target, *, whole_blobs: bool) -> UnitResult:
    """What all units of a repository hold, in one result."""
    config = ScanConfig((target,), bytes(32), show_secrets=True, whole_blobs=whole_blobs)
    tools = Tools(config, open_source, lambda: Detector(RULES, PROGRAM))
    total = UnitResult(0)
    for unit in tools.source(0).plan():
        if isinstance(unit, ScanUnit):
            result = scan_unit(tools, unit)
            total.sightings += result.sightings
            total.losses += result.losses
            total.documents += result.documents
            total.bytes += result.bytes
            total.skipped += result.skipped
            total.suppressed += result.suppressed
            total.whole += result.whole
    total.sightings.sort(key=repr)
    return total


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(st.tuples(chains(), st.sampled_from(WAYS)), min_size=1, max_size=2),
    st.integers(1, 20_000),
    st.integers(1, 20),
    st.sampled_from([1, 4000, 1 << 24]),
)
def test_blobs_of_packs(
    families: list[tuple[list[Step], Callable[[bytes], bytes]]], unit: int, nodes: int, held: int
) -> None:
    """Text, wide text, archives and binaries, whatever the sizes of units and memory."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        target = packed(Path(folder), (way(step.data) for steps, way in families for step in steps))
        patch.setattr(plan, "UNIT_BYTES", unit)
        patch.setattr(plan, "UNIT_NODES_MAX", nodes)
        patch.setattr(reader, "HELD_BYTES_MAX", held)
        patch.setattr(reader, "RESULT_BYTES_MIN", 1)
        patch.setattr(reader, "DELTA_SHARE", 1)
        ours, wanted = scanned(target, whole_blobs=False), scanned(target, whole_blobs=True)
    assert wanted.whole == Counter()
    ours.whole.clear()
    assert ours == wanted


def test_most_versions_of_a_long_file_are_not_read_whole(tmp_path: Path) -> None:
    """Of a hundred versions in one chain of deltas, one of each unit is scanned whole; the rest by what changed."""
    lines = [b"line %d: %s\n" % (number, b"x" * (number % 61)) for number in range(900)]
    versions = []
    for number in range(100):
        lines[number * 7 % 900] = b"key%04d tok_abc\n" % number
        versions.append(b"".join(lines))
    target = packed(tmp_path / "repo", versions)
    ours, wanted = scanned(target, whole_blobs=False), scanned(target, whole_blobs=True)
    assert (set(ours.whole) <= {"no-delta", "base"}, ours.whole.total() <= 20) == (True, True)
    assert len(ours.sightings) == 100 * 101 // 2
    ours.whole.clear()
    assert ours == wanted
