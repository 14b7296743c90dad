"""What must hold of every record that is stored, and of every change of one. Checked before it is stored.

A breach is an error of ours. InvariantBrokenError ends the process with nothing written: state that is late is
repaired by a restart, state that is wrong by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.limits import RUN_OPS_KEPT, SHARD_OPS_KEPT, SPAWNED_PER_SHARD_MAX
from gossip.engine.shards.errors import InvariantBrokenError
from gossip.engine.shards.ranges import first_overlap, tiles
from gossip.engine.shards.records import ShardStatus, is_derived

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gossip.engine.shards.records import Shard
    from gossip.engine.shards.run import Run


def check_shard(shard: Shard) -> None:
    """Raise InvariantBrokenError unless the record has a shape that a shard can have."""
    key, ops = shard.cursor.key, shard.ops
    _hold(
        shard.id,
        {
            "a park reason if and only if parked": (shard.park_reason is not None)
            == (shard.status is ShardStatus.PARKED),
            "no lease on a shard that has ended": not (shard.terminal and shard.hold is not None),
            "a fence of at least 1": shard.fence >= 1,
            "a log without repeated or surplus operations": len(ops) <= SHARD_OPS_KEPT
            and len({record.op for record in ops}) == len(ops),
            "spawned shards after a split": shard.status is not ShardStatus.SPLIT or bool(shard.spawned),
            "a parent if and only if the id is derived": (shard.parent is not None) == is_derived(shard.id),
            "derived ids of all spawned shards, each once": all(map(is_derived, shard.spawned))
            and len(set(shard.spawned)) == len(shard.spawned),
            "no flood of spawned shards": len(shard.spawned) <= SPAWNED_PER_SHARD_MAX,
            "a cursor in the range": key is None or key in shard.spec.range,
            "no more failures than park it": 0 <= shard.failures < shard.failures_max
            or shard.status is ShardStatus.PARKED,
        },
    )


def check_change(old: Shard, new: Shard) -> None:
    """Raise InvariantBrokenError unless a shard's record may be replaced by another."""
    before, after = old.cursor.key, new.cursor.key
    unparked = old.status is ShardStatus.PARKED and new.status is ShardStatus.ACTIVE and new.fence > old.fence
    same_holder = old.hold is not None and new.hold is not None and old.hold.owner == new.hold.owner
    _hold(
        new.id,
        {
            "the same shard": (old.tenant, old.run, old.id, old.parent, old.semantics)
            == (new.tenant, new.run, new.id, new.parent, new.semantics),
            "a fence that never decreases": new.fence >= old.fence,
            "ends that stay, but for unparking under a new fence": not old.terminal
            or new.status is old.status
            or unparked,
            "nothing to change after the end": not (old.terminal and new.terminal) or new == old,
            "a cursor that never goes back": before is None or (after is not None and after >= before),
            "a range that only shrinks": old.spec.range.covers(new.spec.range),
            "no lease without a new fence": new.hold is None or same_holder or new.fence > old.fence,
            "a deadline that a renewal never moves back": new.fence > old.fence
            or old.hold is None
            or new.hold is None
            or new.hold.deadline >= old.hold.deadline,
            "spawned shards that stay": new.spawned[: len(old.spawned)] == old.spawned,
        },
    )


def check_split(old: Shard, new: Shard, children: Sequence[Shard]) -> None:
    """Raise InvariantBrokenError unless what a change spawned, with what the shard keeps, covers its old range exactly.
    Of a change that spawned nothing, the range must be the same.
    """
    kept = [] if new.status is ShardStatus.SPLIT else [new.spec.range]
    _hold(
        new.id,
        {
            "the records of all spawned shards": new.spawned[len(old.spawned) :] == tuple(c.id for c in children),
            "spawned shards that point back": all(
                (child.tenant, child.run, child.parent) == (new.tenant, new.run, new.id) for child in children
            ),
            "an old range covered exactly": old.terminal
            or tiles(old.spec.range, kept + [child.spec.range for child in children]),
        },
    )


def check_run(run: Run, shards: Mapping[int, Shard]) -> None:
    """Raise InvariantBrokenError unless a run and all its shards fit together."""
    leaves = [shard for shard in shards.values() if shard.status is not ShardStatus.SPLIT]
    _hold(
        run.id,
        {
            "a time of completion if and only if it has ended": (run.completed_at is not None) == run.terminal,
            "a log without repeated or surplus operations": len(run.ops) <= RUN_OPS_KEPT
            and len({record.op for record in run.ops}) == len(run.ops),
            "shards of its own": all(
                (shard.tenant, shard.run, shard.id) == (run.tenant, run.id, number) for number, shard in shards.items()
            ),
            "shards if it began": bool(shards) or run.terminal or run.status.name == "INITIALIZING",
            "spawned shards that exist and point back": all(
                child in shards and shards[child].parent == shard.id
                for shard in shards.values()
                for child in shard.spawned
            ),
            "parents that know their children": all(
                shard.parent is None or (shard.parent in shards and shard.id in shards[shard.parent].spawned)
                for shard in shards.values()
            ),
            "no key in two shards": first_overlap(shard.spec.range for shard in leaves) is None,
        },
    )


def check_run_change(old: Run, new: Run) -> None:
    """Raise InvariantBrokenError unless a run's record may be replaced by another."""
    _hold(
        new.id,
        {
            "the same run": (old.tenant, old.id, old.config, old.created_at)
            == (new.tenant, new.id, new.config, new.created_at),
            "a time of completion if and only if it has ended": (new.completed_at is not None) == new.terminal,
            "an end that stays": not old.terminal or new == old,
            "no way back to the beginning": new.status >= old.status,
        },
    )


def _hold(number: int, rules: Mapping[str, bool]) -> None:
    broken = [rule for rule, holds in rules.items() if not holds]
    if broken:
        raise InvariantBrokenError(f"{number} must have {'; '.join(broken)}. Nothing was stored: please report this")
