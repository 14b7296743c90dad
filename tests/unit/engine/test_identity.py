from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from gossip.engine import identity
from gossip.engine.identity import Strength

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
    "policy_hash": (identity.policy_hash(fixed(10)), context("gossip/policy-hash/v2", b"\1\1\1", fixed(10))),
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
    plumbing = {"derive", "var", "u64"}
    assert own - plumbing == {re.sub("_(strong|weak)$", "", name) for name in GOLDEN}
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
