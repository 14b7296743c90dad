"""Every encoding and every number that is stored or derived, assembled a second time by hand and pinned."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from blake3 import blake3

from gossip.engine.ledger import LedgerKey
from gossip.engine.shards import keys
from gossip.engine.shards import run as runs
from gossip.engine.shards import shard as ops
from gossip.engine.shards.cursor import INITIAL, Cursor
from gossip.engine.shards.hints import ManifestHint, PrefixHint, RangeHint, ShardSpec
from gossip.engine.shards.ranges import KeyRange
from gossip.engine.shards.records import ParkReason, Shard
from gossip.engine.shards.splits import plan_replace, plan_residual
from tests.unit.shards.making import CONFIG, RUN, TENANT, leased, manifest, spec

ROOT = Path(__file__).resolve().parents[3]
GOLDEN: dict[str, str] = json.loads((ROOT / "tests" / "golden" / "shards.json").read_text("ascii"))


def sized(value: bytes) -> bytes:
    """A little-endian u64 length, then the bytes."""
    return struct.pack("<Q", len(value)) + value


def payload(name: bytes, *args: bytes) -> bytes:
    """The fingerprint of an operation, in the order in which it is computed."""
    hasher = blake3(derive_key_context="gossip/coord/v1/op-payload")
    for part in (name, *args):
        hasher.update(sized(part))
    return hasher.digest()[:8]


def split_id(op: int, kind: int, index: int) -> bytes:
    """The id of a shard that shard 1 of the run made."""
    data = struct.pack("<QQQBQ", RUN, 1, op, kind, index)
    number = int.from_bytes(blake3(data, derive_key_context="gossip/coord/v1/split-id").digest()[:8], "little")
    return struct.pack("<Q", number | 1 << 63)


def logged(record: Shard) -> bytes:
    """The fingerprint in the log of what was done last."""
    return struct.pack("<Q", record.ops[-1].payload)


RECORD, LEASE = leased()
WHOLE = spec(b"a", b"z")
BARE = [sized(low) + sized(high) + sized(b"") for low, high in ((b"a", b"h"), (b"h", b"z"))]
HINTED = ShardSpec(PrefixHint(b"src/").covering(), PrefixHint(b"src/"), b"\1\2")
CHILDREN = ops.split_replace(RECORD, LEASE, 2, 9, plan_replace(WHOLE, [b"h"]))
RESIDUAL = ops.split_residual(RECORD, LEASE, 2, 9, plan_residual(WHOLE, b"h"))
RUN_RECORD = runs.create(TENANT, RUN, CONFIG, 1).run
PARKED = ops.park(RECORD, LEASE, 2, 1, ParkReason.OTHER).shard
ACTIVE_RUN = runs.register(RUN_RECORD, TENANT, 1, 1, manifest(b"a", b"h")).run

Vector = tuple[bytes | None, bytes | None]
VECTORS: dict[str, Vector] = {
    "path_key": (keys.path_key(b"src/\xff"), b"src/\xff"),
    "manifest_key": (keys.manifest_key(258, 2**63), bytes.fromhex("0000000000000102" + "80" + "00" * 7)),
    "prefix_successor": (keys.prefix_successor(b"a\xfe\xff"), b"a\xff"),
    "key_successor": (keys.key_successor(b"a\xff"), b"a\xff\0"),
    "midpoint": (keys.midpoint(b"a\xff", b"c"), bytes([0x62, 0x7F])),
    "midpoint_of_neighbours": (keys.midpoint(b"a", b"b"), b"a\x80"),
    "hint_range": (RangeHint().encode(), b"\0"),
    "hint_prefix": (PrefixHint(b"src/").encode(), b"\1" + struct.pack(">I", 4) + b"src/"),
    "hint_manifest": (ManifestHint(3, 4, 9).encode(), b"\2" + struct.pack(">QQQ", 3, 4, 9)),
    "metadata_bare": (WHOLE.metadata(), b""),
    "metadata": (HINTED.metadata(), struct.pack(">I", 9) + b"\1\0\0\0\4src/" + b"\1\2"),
    "cursor_initial": (INITIAL.canonical(), b"\0\0"),
    "cursor_key": (Cursor(b"m").canonical(), b"\1" + sized(b"m") + b"\0"),
    "cursor_token": (Cursor(b"m", b"t").canonical(), b"\1" + sized(b"m") + b"\1" + sized(b"t")),
    "spec": (
        HINTED.canonical(),
        sized(b"src/") + sized(b"src0") + sized(struct.pack(">I", 9) + b"\1\0\0\0\4src/" + b"\1\2"),
    ),
    "payload_checkpoint": (
        logged(ops.checkpoint(RECORD, LEASE, 2, 1, Cursor(b"m")).shard),
        payload(b"checkpoint", b"\1" + sized(b"m") + b"\0"),
    ),
    "payload_complete": (
        logged(ops.complete(RECORD, LEASE, 2, 1, Cursor(b"m")).shard),
        payload(b"complete", b"\1" + sized(b"m") + b"\0"),
    ),
    "payload_complete_empty": (logged(ops.complete(RECORD, LEASE, 2, 1).shard), payload(b"complete")),
    "payload_park": (logged(PARKED), payload(b"park", b"\4")),
    "payload_fail": (logged(ops.fail(RECORD, LEASE, 2, 1).shard), payload(b"fail")),
    "payload_unpark": (logged(ops.unpark(PARKED, TENANT, 3, 2).shard), payload(b"unpark")),
    "payload_split_replace": (logged(CHILDREN.shard), payload(b"split_replace", *BARE)),
    "payload_split_residual": (logged(RESIDUAL.shard), payload(b"split_residual", *BARE)),
    "payload_register": (
        struct.pack("<Q", ACTIVE_RUN.ops[0].payload),
        payload(b"register", struct.pack("<Q", 0) + BARE[0] + b"\0\0"),
    ),
    "payload_cancel_run": (
        struct.pack("<Q", runs.cancel(ACTIVE_RUN, TENANT, 2, 2).run.ops[-1].payload),
        payload(b"cancel_run"),
    ),
    "payload_fail_run": (
        struct.pack("<Q", runs.fail(ACTIVE_RUN, TENANT, 2, 2).run.ops[-1].payload),
        payload(b"fail_run"),
    ),
    "payload_complete_run": (
        struct.pack("<Q", runs.complete(ACTIVE_RUN, TENANT, 2, 2, []).run.ops[-1].payload),
        payload(b"complete_run"),
    ),
    "child_0": (struct.pack("<Q", CHILDREN.result[0]), split_id(9, 0, 0)),
    "child_1": (struct.pack("<Q", CHILDREN.result[1]), split_id(9, 0, 1)),
    "residual_0": (struct.pack("<Q", RESIDUAL.result[0]), split_id(9, 1, 0)),
    "ledger_key": (
        LedgerKey(*(bytes([n]) * 32 for n in (1, 2, 3, 4))).encode(),
        b"\1" * 32 + b"\2" * 32 + b"\3" * 32 + b"\4" * 32,
    ),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_vector(name: str) -> None:
    """The product, the assembly by hand and the pinned value agree."""
    derived, assembled = VECTORS[name]
    assert derived is not None
    assert assembled is not None
    assert (derived.hex(), assembled.hex()) == (GOLDEN[name], GOLDEN[name])


def test_nothing_is_pinned_without_being_checked() -> None:
    """Nor the other way round."""
    assert set(VECTORS) == set(GOLDEN)


def test_ranges_of_hints_are_pinned() -> None:
    """What a stored hint means must not change either."""
    assert PrefixHint(b"src/").covering() == KeyRange(b"src/", b"src0")
    assert ManifestHint(3, 4, 9).covering() == KeyRange(
        bytes.fromhex("00000000000000030000000000000004"), bytes.fromhex("00000000000000030000000000000009")
    )
