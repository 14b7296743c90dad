"""Where entries of packs lie, and what planning millions of them holds."""

from __future__ import annotations

import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.git.packs import pack as pack_module
from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.layout import Layout
from gossip.connectors.git.packs.pack import Pack
from gossip.connectors.git.packs.plan import PackPlan, plan_pack
from tests.unit.git.handmade import OFS_DELTA, Item, blob, delta, encode, index_v2, object_id, write_pack
from tests.unit.git.reading import read_pack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 500])
@pytest.mark.parametrize("gap", [1, 50, 1 << 33])
def test_positions_and_ends(count: int, gap: int, tmp_path: Path) -> None:
    """As a search through all of them finds them, for offsets of entries and for others."""
    draw = random.Random(count + gap)
    offsets = sorted(draw.sample(range(12, 12 + gap * (count + 1)), count))
    (tmp_path / "a.idx").write_bytes(index_v2([(object_id(b"%d" % offset), offset) for offset in offsets]))
    index = PackIndex(tmp_path / "a.idx")
    end = 12 + gap * (count + 2)
    layout = Layout(index, end)
    assert list(layout.at) == [*offsets, end]
    assert [index.offset(entry) for entry in layout.order] == offsets
    for offset in {0, 11, 12, end - 1, end, 1 << 60, *offsets, *(offset + 1 for offset in offsets)}:
        assert layout.position(offset) == (offsets.index(offset) if offset in offsets else -1)
        if offset < end:
            assert layout.end_of(offset) == next(each for each in layout.at if each > offset)


def test_planning_holds_little(tmp_path: Path) -> None:
    """Under 200 bytes an entry at its peak, the units that are handed out not counted: 2,000,000 entries are common."""
    base = b"base of many deltas\n"
    items, at = [blob(base)], len(encode(blob(base)))
    for number in range(20_000):
        text = b"%d" % number
        items.append(Item(object_id(base + text), OFS_DELTA, delta(base, insert=text), at))
        at += len(encode(items[-1]))
    path = write_pack(tmp_path, items)
    pack, index = Pack(path), PackIndex(path.with_suffix(".idx"))
    tracemalloc.start()
    try:
        planned = sum(len(unit.wanted) for unit, _ in plan_pack(pack, index, None, PackPlan([], [])))
        assert planned >= len(items)
        assert tracemalloc.get_traced_memory()[1] < 200 * len(items)
    finally:
        tracemalloc.stop()


def test_pages_that_were_let_go_of_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes but whose memory they are."""
    monkeypatch.setattr(pack_module, "_PAGES_KEPT_BYTES", 0)
    items = [blob(b"%d" % number * 3000) for number in range(50)]
    path = write_pack(tmp_path, items)
    pack = Pack(path)
    entry, data = pack.entry(12), items[0].data
    assert pack.inflate(entry, entry.data + 200) == data
    pack.release_pages()
    assert pack.inflate(entry, entry.data + 200) == data
    assert read_pack(path).blobs == {item.name: item.data for item in items}
