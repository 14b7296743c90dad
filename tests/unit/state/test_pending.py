"""The cache of matches that wait for their place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gossip.connectors.state.pending import Pending
from gossip.schemas.finding import Part
from gossip.schemas.summary import Loss
from gossip.schemas.units import Sighting, UnitResult

if TYPE_CHECKING:
    from pathlib import Path


def made(**changes: object) -> UnitResult:
    """A result with a sighting of every field."""
    sighting = Sighting(
        3, b"\1" * 32, "GSPT...(20)", 1, 21, 2, 3, 4, 5, b"\2" * 32, "ab" * 20, (7, 8), 9, "valid",
        (("account", "x"),), ("base64",), ("a\udcff.zip", "b"), (Part("other", "cd" * 32, "", 1, 2, 3, 4),),
    )  # fmt: skip
    values: dict[str, object] = {
        "sightings": [sighting],
        "units": 1,
        "documents": 2,
        "bytes": 3,
        "skipped": Counter(binary=1),
        "suppressed": Counter(entropy=4),
    }
    return UnitResult(5, **(values | changes))  # type: ignore[arg-type]


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    """All of it, under its unit and policy only, until it is cleared."""
    pending = Pending(str(tmp_path), "policy")
    pending.keep("unit", made())
    assert pending.find("unit", 5) == made()
    assert (pending.find("other", 5), Pending(str(tmp_path), "newer").find("unit", 5)) == (None, None)
    pending.clear()
    assert (pending.find("unit", 5), list(tmp_path.iterdir())) == (None, [])


def test_secrets_and_losses_are_not_kept(tmp_path: Path) -> None:
    """A secret is never written; what was lost is tried again."""
    pending = Pending(str(tmp_path), "policy")
    (sighting,) = made().sightings
    pending.keep("unit", made(sightings=[sighting._replace(secret=b"x")]))
    pending.keep("unit", made(losses=[Loss("unreadable", "a")]))
    assert list(tmp_path.iterdir()) == []


def test_damage_is_a_miss(tmp_path: Path) -> None:
    """A file that was cut short, or is something else, costs a scan and nothing more."""
    pending = Pending(str(tmp_path), "policy")
    pending.keep("unit", made())
    file = tmp_path / "pending" / "policy" / "unit"
    whole = file.read_bytes()
    for text in (b"", whole[:-9], b"[]", b"{}", whole.replace(b"secret_hash", b"secret_hush"), b"\xff"):
        file.write_bytes(text)
        assert pending.find("unit", 5) is None
