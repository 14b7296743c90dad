from __future__ import annotations

import inspect
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from gossip.engine import identity
from gossip.engine.identity import SplitKind, Strength, TenantKey

ROOT = Path(__file__).resolve().parents[3]
GOLDEN: dict[str, str] = json.loads((ROOT / "tests" / "golden" / "identity.json").read_text("ascii"))
TAG_GRAMMAR = re.compile(r"gossip/[a-z][a-z0-9-]*/v[1-9][0-9]*(/[a-z][a-z0-9-]*)?")


def fixed(start: int) -> bytes:
    """32 bytes that count up."""
    return bytes(range(start, start + 32))


def context(tag: str, *parts: bytes) -> bytes:
    """Derive-key mode, written down a second time."""
    hasher = blake3(derive_key_context=tag)
    for part in parts:
        hasher.update(part)
    return hasher.digest(length=32)


def sized(value: bytes) -> bytes:
    """A u64 little-endian length, then the bytes."""
    return bytes(len(value) >> shift & 0xFF for shift in range(0, 64, 8)) + value


def little(value: int) -> bytes:
    """Eight bytes, little-endian."""
    return bytes(value >> shift & 0xFF for shift in range(0, 64, 8))


def marked(eight: bytes) -> bytes:
    """Eight little-endian bytes with the highest bit of the number set."""
    return eight[:7] + bytes([eight[7] | 0x80])


INSTANCE = b"example.org/team/app"
LOCATOR = b"src/\xffmain.py"
BLOB = bytes(range(7, 27))

Vector = tuple[bytes, bytes]
"""What the product derives; what the specification says, computed here."""

VECTORS: dict[str, Vector] = {
    "connector_tag": (identity.connector_tag("gitlocal"), b"gitlocal"),
    "instance_hash": (identity.instance_hash(INSTANCE), context("gossip/connector-instance-id/v1", sized(INSTANCE))),
    "item_id": (
        identity.item_id("gitlocal", INSTANCE, LOCATOR),
        context(
            "gossip/item-id/v1",
            b"gitlocal",
            context("gossip/connector-instance-id/v1", sized(INSTANCE)),
            sized(LOCATOR),
        ),
    ),
    "object_version_id": (identity.object_version_id(BLOB), context("gossip/object-version/v1", sized(BLOB))),
    "ovid_hash_strong": (
        identity.ovid_hash(fixed(1), Strength.STRONG, fixed(2)),
        context("gossip/persistence/v1/ovid", fixed(1) + b"\0" + fixed(2)),
    ),
    "ovid_hash_weak": (
        identity.ovid_hash(fixed(1), Strength.WEAK, fixed(2)),
        context("gossip/persistence/v1/ovid", fixed(1) + b"\1" + fixed(2)),
    ),
    "norm_hash": (identity.norm_hash(b"hunter2"), context("gossip/norm-hash/v1", sized(b"hunter2"))),
    "secret_hash": (
        identity.secret_hash(fixed(3), fixed(4)),
        blake3(b"gossip/secret-hash/v1" + fixed(4), key=fixed(3)).digest(),
    ),
    "tenant_id": (identity.tenant_id(b"acme"), context("gossip/tenant/v1", sized(b"acme"))),
    "finding_id": (
        identity.finding_id(fixed(1), fixed(2), fixed(3), fixed(4)),
        context("gossip/finding/v1", fixed(1), fixed(2), fixed(3), fixed(4)),
    ),
    "occurrence_id": (
        identity.occurrence_id(fixed(5), fixed(6), 1234567890123, 40),
        context("gossip/occurrence/v1", fixed(5), fixed(6), (1234567890123).to_bytes(8, "little"), b"\x28" + b"\0" * 7),
    ),
    "rules_digest": (
        identity.rules_digest([fixed(9), fixed(8)]),
        context("gossip/rules-digest/v1", fixed(8), fixed(9)),
    ),
    "tenant_key_id": (
        identity.tenant_key_id(fixed(3)),
        blake3(b"gossip/tenant-key-id/v1", key=fixed(3)).digest(),
    ),
    "observation_id": (
        identity.observation_id(fixed(1), fixed(2), fixed(3)),
        context("gossip/observation/v1", fixed(1) + fixed(2) + fixed(3)),
    ),
    "triage_group": (
        identity.triage_group(fixed(1), fixed(2)),
        context("gossip/persistence/v1/triage-group", fixed(1) + fixed(2)),
    ),
    "done_key": (
        identity.done_key(fixed(1), fixed(2), fixed(3), fixed(4)),
        fixed(1) + fixed(2) + fixed(3) + fixed(4),
    ),
    "derived_shard_id_child": (
        little(identity.derived_shard_id(7, 8, 9, SplitKind.CHILD, 2)),
        marked(context("gossip/coord/v1/split-id", little(7), little(8), little(9), b"\0", little(2))[:8]),
    ),
    "derived_shard_id_residual": (
        little(identity.derived_shard_id(7, 8, 9, SplitKind.RESIDUAL, 2)),
        marked(context("gossip/coord/v1/split-id", little(7), little(8), little(9), b"\1", little(2))[:8]),
    ),
    "op_id": (
        little(identity.op_id(7, 8, "checkpoint", 3, b"k/1")),
        context("gossip/coord/v1/op-id", little(7), little(8), sized(b"checkpoint"), little(3), sized(b"k/1"))[:8],
    ),
    "op_payload": (
        little(identity.op_payload("park", [b"\4", b"x"])),
        context("gossip/coord/v1/op-payload", sized(b"park"), sized(b"\4"), sized(b"x"))[:8],
    ),
    "policy_hash": (identity.policy_hash(fixed(10)), context("gossip/policy-hash/v2", b"\1\1\1", fixed(10))),
    "unit_id": (
        identity.unit_id(fixed(1), "pack", b"content"),
        context("gossip/unit-id/v1", fixed(1), sized(b"pack"), sized(b"content")),
    ),
    "scan_policy": (
        identity.scan_policy(fixed(1), b"options"),
        context("gossip/scan-policy/v1", fixed(1), sized(b"options")),
    ),
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_vector(name: str) -> None:
    """The product, an independent derivation and the pinned value agree."""
    derived, independent = VECTORS[name]
    assert (derived.hex(), independent.hex()) == (GOLDEN[name], GOLDEN[name])


def test_every_derivation_has_a_vector() -> None:
    """A derivation that is added to the module is pinned, or this fails."""
    functions = inspect.getmembers(identity, inspect.isfunction)
    own = {name for name, function in functions if function.__module__ == identity.__name__}
    plumbing = {"derive", "derive64", "var", "u64", "opaque"}
    assert own - plumbing == {re.sub("_(strong|weak|child|residual)$", "", name) for name in GOLDEN}
    assert set(VECTORS) == set(GOLDEN)


def test_integers_and_strings_are_encoded_as_specified() -> None:
    """Little-endian, length in front."""
    assert identity.u64(0x0102030405060708) == bytes([8, 7, 6, 5, 4, 3, 2, 1])
    assert identity.var(b"ab") == b"\2\0\0\0\0\0\0\0ab"
    assert identity.var(b"") == b"\0" * 8


def test_every_tag_obeys_the_grammar() -> None:
    """`gossip/<subsystem>/v<N>[/<operation>]`, 11 to 64 bytes."""
    assert [tag for tag in identity.TAGS if not TAG_GRAMMAR.fullmatch(tag) or not 11 <= len(tag) <= 64] == []


def test_registry_is_sorted_and_unique() -> None:
    """No two tags are the same."""
    assert list(identity.TAGS) == sorted(set(identity.TAGS))


def test_registry_has_every_tag_of_the_module() -> None:
    """A constant that is not registered could be given out twice."""
    constants = {value for name, value in vars(identity).items() if name.startswith("TAG_")}
    assert constants == set(identity.TAGS)


def test_registry_has_every_tag_of_the_product() -> None:
    """Tags that other modules derive with are registered too, or a second use of one would go unseen."""
    packages = ("connectors", "engine", "flows", "operators", "schemas")
    sources = [path.read_text("utf-8") for name in packages for path in (ROOT / name).rglob("*.py")]
    used = {found for text in sources for found in re.findall(r'"(gossip/[a-z0-9-]+/v[0-9]+[a-z0-9/-]*)"', text)}
    assert used == set(identity.TAGS)


def variants() -> list[tuple[str, Callable[..., bytes], tuple[object, ...], list[tuple[object, ...]]]]:
    """(name, derivation, base arguments, for each field the arguments with only that one changed)."""
    a, b, c, d = fixed(1), fixed(2), fixed(3), fixed(4)
    other = fixed(99)
    cases: list[tuple[Callable[..., bytes], tuple[object, ...], tuple[object, ...]]] = [
        (identity.instance_hash, (b"x",), (b"y",)),
        (identity.item_id, ("fslocal", b"x", b"y"), ("gitlocal", b"z", b"w")),
        (identity.object_version_id, (b"x",), (b"y",)),
        (identity.ovid_hash, (a, Strength.STRONG, b), (other, Strength.WEAK, other)),
        (identity.norm_hash, (b"x",), (b"y",)),
        (identity.secret_hash, (a, b), (other, other)),
        (identity.tenant_id, (b"x",), (b"y",)),
        (identity.finding_id, (a, b, c, d), (other, other, other, other)),
        (identity.occurrence_id, (a, b, 1, 2), (other, other, 3, 4)),
        (identity.rules_digest, ([a, b],), ([a, c],)),
        (identity.policy_hash, (a,), (b,)),
        (identity.tenant_key_id, (a,), (b,)),
        (identity.observation_id, (a, b, c), (other, other, other)),
        (identity.triage_group, (a, b), (other, other)),
    ]
    return [
        (make.__name__, make, base, [(*base[:i], changed[i], *base[i + 1 :]) for i in range(len(base))])
        for make, base, changed in cases
    ]


@pytest.mark.parametrize("case", variants(), ids=lambda case: case[0])
def test_every_field_counts(
    case: tuple[str, Callable[..., bytes], tuple[object, ...], list[tuple[object, ...]]],
) -> None:
    """Each field changes the id, each differently; the same fields give the same id again."""
    _, make, base, changed = case
    results = [make(*base), *(make(*fields) for fields in changed)]
    assert len(set(results)) == len(results)
    assert make(*base) == results[0]
    assert {len(result) for result in results} == {32}


def test_fields_of_one_kind_are_not_interchangeable() -> None:
    """Swapped arguments and moved boundaries give other ids."""
    a, b = fixed(1), fixed(2)
    assert identity.finding_id(a, b, a, b) != identity.finding_id(b, a, b, a)
    assert identity.occurrence_id(a, b, 1, 2) != identity.occurrence_id(a, b, 2, 1)
    assert identity.item_id("fs", b"ab", b"c") != identity.item_id("fs", b"a", b"bc")
    assert len({identity.norm_hash(b"x"), identity.tenant_id(b"x"), identity.instance_hash(b"x")}) == 3


def test_order_of_rules_does_not_change_their_digest() -> None:
    """A rule set is a set; but a rule more is another one."""
    a, b = fixed(1), fixed(2)
    assert identity.rules_digest([a, b]) == identity.rules_digest(iter([b, a]))
    assert len({identity.rules_digest(x) for x in ([], [a], [a, b], [a, a])}) == 4


@pytest.mark.parametrize("name", ["", "ninebytes", "a b", "a\0b", "\x7f", "a\n", "\u00e9", "fs\u20ac"])
def test_bad_connector_tag(name: str) -> None:
    """Empty, too long, or a byte that is not graphic ASCII."""
    with pytest.raises(ValueError, match="connector tag"):
        identity.connector_tag(name)


@pytest.mark.parametrize("name", ["a", "!", "~", "fslocal", "gitlocal"])
def test_connector_tag_is_padded(name: str) -> None:
    """Always eight bytes."""
    assert identity.connector_tag(name) == name.encode() + b"\0" * (8 - len(name))


def test_connector_tag_error_names_byte_and_index() -> None:
    """The message says which byte is wrong, and where."""
    with pytest.raises(ValueError, match="0x20 at 2"):
        identity.connector_tag("ab c")


def test_empty_inputs_are_refused() -> None:
    """An item has a locator, a version has bytes."""
    with pytest.raises(ValueError, match="locator"):
        identity.item_id("fslocal", b"x", b"")
    with pytest.raises(ValueError, match="version"):
        identity.object_version_id(b"")


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (5, 0), (0, -1), (-1, 1)])
def test_occurrence_needs_a_place(offset: int, length: int) -> None:
    """No empty and no negative places."""
    with pytest.raises(ValueError, match="place"):
        identity.occurrence_id(fixed(1), fixed(2), offset, length)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_tenant_key_is_32_bytes(size: int) -> None:
    """A key of another size is refused."""
    with pytest.raises(ValueError, match="32"):
        identity.secret_hash(b"k" * size, fixed(1))


def variants64() -> list[tuple[Callable[..., int], tuple[object, ...], tuple[object, ...]]]:
    """(derivation of a 64-bit id, base arguments, other arguments)."""
    return [
        (identity.derived_shard_id, (1, 2, 3, SplitKind.CHILD, 0), (9, 8, 7, SplitKind.RESIDUAL, 1)),
        (identity.op_id, (1, 2, "park", 0, b""), (9, 8, "renew", 1, b"k")),
        (identity.op_payload, ("park", [b"a"]), ("renew", [b"b"])),
    ]


@pytest.mark.parametrize("case", variants64(), ids=lambda case: case[0].__name__)
def test_every_field_of_a_64_bit_id_counts(
    case: tuple[Callable[..., int], tuple[object, ...], tuple[object, ...]],
) -> None:
    """Each field changes the id, each differently; ids fit 64 bits and are never 0."""
    make, base, changed = case
    results = [make(*base), *(make(*base[:i], changed[i], *base[i + 1 :]) for i in range(len(base)))]
    assert len(set(results)) == len(results)
    assert make(*base) == results[0]
    assert all(0 < result < 1 << 64 for result in results)


def test_only_split_ids_are_always_marked() -> None:
    """Bit 63 is what tells a derived shard."""
    ids = [identity.derived_shard_id(run, 2, 3, SplitKind.CHILD, 0) for run in range(100)]
    assert all(number & identity.DERIVED_SHARD_BIT for number in ids)
    assert len(set(ids)) == 100


def test_a_payload_is_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 would read as `no payload`."""
    monkeypatch.setattr(identity, "derive64", lambda *_: 0)
    assert identity.op_payload("park") == 1


def test_moved_boundaries_of_arguments_change_a_payload() -> None:
    """Arguments are encoded one by one."""
    assert identity.op_payload("x", [b"ab", b"c"]) != identity.op_payload("x", [b"a", b"bc"])
    assert identity.op_payload("x", [b""]) != identity.op_payload("x")


@pytest.mark.parametrize("place", range(4))
def test_done_key_has_a_fixed_width(place: int) -> None:
    """An id of another width would shift the ones behind it."""
    parts = [fixed(1)] * 4
    parts[place] = b"short"
    with pytest.raises(ValueError, match="32-byte"):
        identity.done_key(*parts)


def test_secrets_and_keys_are_redacted_in_any_text() -> None:
    """Neither text nor format nor pickle nor error shows a byte of the key."""
    raw = b"0123456789abcdefghijklmnopqrstuv"
    key = TenantKey(raw)
    assert {repr(key), str(key), f"{key}", f"{key!r:>3}"} == {"TenantKey(...)"}
    with pytest.raises(TypeError) as pickled:
        pickle.dumps(key)
    with pytest.raises(ValueError, match="32 bytes") as wrong:
        TenantKey(raw[:-1])
    assert not any(raw[i : i + 4].decode() in str(err.value) for err in (pickled, wrong) for i in range(28))


def test_tenant_key_is_only_compared() -> None:
    """Equal by value, never ordered, never a key of a table."""
    key = TenantKey(fixed(3))
    assert key == TenantKey(fixed(3))
    assert key != TenantKey(fixed(4))
    assert key != fixed(3)
    with pytest.raises(TypeError):
        hash(key)
    with pytest.raises(TypeError):
        sorted([key, TenantKey(fixed(4))])


def test_same_secret_under_two_keys_cannot_be_linked() -> None:
    """Every id that depends on the secret differs, and so does what tells the keys apart; the policy does not."""
    ours, theirs = TenantKey(fixed(3)), TenantKey(fixed(4))
    norm = identity.norm_hash(b"hunter2")
    hashes = [key.secret_hash(norm) for key in (ours, theirs)]
    findings = [identity.finding_id(fixed(1), fixed(2), fixed(5), hashed) for hashed in hashes]
    occurrences = [identity.occurrence_id(found, fixed(6), 0, 7) for found in findings]
    assert [len(set(pair)) for pair in (hashes, findings, occurrences, [ours.id, theirs.id])] == [2, 2, 2, 2]
    assert ours.secret_hash(norm) == identity.secret_hash(fixed(3), norm)


def test_bytes_of_a_connector_are_shown_as_length_and_hash() -> None:
    """The same bytes look the same; none of them is there."""
    shown = identity.opaque("key", b"secret/path")
    digest = context("gossip/worker/v1/coordination-telemetry", sized(b"secret/path"))
    assert shown == f"key of 11 bytes (#{digest[:4].hex()})"


def test_whole_chain_is_deterministic_and_sensitive_to_its_root() -> None:
    """From locator and secret to observation: equal inputs, equal ids; one other byte at the root changes the end."""

    def chain(locator: bytes, secret: bytes) -> bytes:
        item = identity.item_id("fslocal", b"host", locator)
        hashed = TenantKey(fixed(3)).secret_hash(identity.norm_hash(secret))
        finding = identity.finding_id(identity.tenant_id(b"acme"), item, fixed(8), hashed)
        occurrence = identity.occurrence_id(finding, identity.object_version_id(BLOB), 3, 9)
        return identity.observation_id(identity.tenant_id(b"acme"), identity.policy_hash(fixed(9)), occurrence)

    assert chain(b"a", b"s") == chain(b"a", b"s")
    assert len({chain(b"a", b"s"), chain(b"b", b"s"), chain(b"a", b"t")}) == 3
