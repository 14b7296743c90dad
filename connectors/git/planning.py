"""The units of one pack of a store, and what is lost in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.connectors.git.packs.plan import PackPlan, PackUnit, plan_pack
from gossip.schemas.errors import PermanentError
from gossip.schemas.summary import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.connectors.git.store import ObjectStore


def plan_packed(
    store: ObjectStore, number: int, losses: list[Loss], foreign: list[bytes]
) -> Iterator[tuple[PackUnit, int]]:
    """(unit, estimated bytes) of the blobs of a pack that no earlier one has.

    At the end `losses` has what cannot be read, and `foreign` the ids of the objects to be read one by one: their bases
    lie elsewhere.
    """
    file, earlier = store.packs[number], store.packs[:number]
    found = PackPlan([], [])

    def known(name: bytes) -> bool:
        return any(other.index.find(name) is not None for other in earlier)

    if file.verify:
        losses.extend(Loss("damaged-object", str(file.path), why) for why in file.problems())
    try:
        yield from plan_pack(file.pack, file.index, known if earlier else None, found, file.layout)
    except PermanentError as err:
        losses.append(Loss("damaged-object", str(file.path), str(err)))
    losses.extend(Loss("damaged-object", f"{file.path}@{at}", why) for at, why in found.damaged)
    foreign.extend(map(file.index.name, found.foreign))
