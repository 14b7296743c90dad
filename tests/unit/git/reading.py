"""Reading a pack the way the Git source does, for tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from gossip.connectors.git.packs.index import PackIndex
from gossip.connectors.git.packs.pack import Pack
from gossip.connectors.git.packs.plan import PackPlan, plan_pack
from gossip.connectors.git.packs.reader import UnitReader
from gossip.schemas.errors import PermanentError


@dataclass
class Read:
    """What became of a pack's blobs."""

    blobs: dict[bytes, bytes] = field(default_factory=dict)
    times: Counter[bytes] = field(default_factory=Counter)
    """How often each id was handed out, with its content or an error."""
    errors: dict[bytes, str] = field(default_factory=dict)
    foreign: list[bytes] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    units: int = 0


def read_pack(path: Path, skip: set[bytes] | None = None) -> Read:
    """Plan a pack and rebuild all its units."""
    pack, index = Pack(path), PackIndex(path.with_suffix(".idx"))
    plan = PackPlan([], [])
    result = Read()
    try:
        for unit, _ in plan_pack(pack, index, None if skip is None else skip.__contains__, plan):
            result.units += 1
            for rebuilt in UnitReader(pack, unit).objects():
                name = index.name(unit.entries[rebuilt.node])
                result.times[name] += 1
                if rebuilt.error:
                    result.errors[name] = str(rebuilt.error)
                    continue
                try:
                    data = b"".join(rebuilt.pieces or ()) if rebuilt.data is None else rebuilt.data
                except PermanentError as err:
                    result.errors[name] = str(err)
                else:
                    result.blobs[name] = data
        result.foreign = [index.name(entry) for entry in plan.foreign]
        result.damaged = [offset for offset, _ in plan.damaged]
    finally:
        index.close()
    return result
