"""What was matched in units whose history has not been walked yet, so that a scan that is killed need not match again.

A cache: the ledger alone says what is done. A file that is damaged, or not there, costs one scan of its unit. It holds
what a finding holds, and never a secret: hashes, previews, places.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from typing import Any

from gossip.schemas.finding import Part
from gossip.schemas.units import Sighting, UnitResult

FOLDER = "pending"
_BYTES = ("secret_hash", "version_id")


class Pending:
    """Results of one policy in a state folder."""

    def __init__(self, folder: str, policy: str) -> None:
        self._folder = os.path.join(folder, FOLDER, policy)

    def keep(self, unit_id: str, result: UnitResult) -> None:
        """Write a unit's result down, unless it holds a secret, a finding, or a loss that another scan may not have.

        A disk that is full is no error here.
        """
        if result.findings or result.losses or any(sighting.secret is not None for sighting in result.sightings):
            return
        path = os.path.join(self._folder, unit_id)
        beside = f"{path}.{os.getpid()}"
        try:
            os.makedirs(self._folder, exist_ok=True)
            with open(beside, "w", encoding="utf-8", errors="surrogateescape") as file:
                json.dump(_plain(result), file, separators=(",", ":"))
            os.replace(beside, path)
        except OSError:
            return

    def find(self, unit_id: str, target: int) -> UnitResult | None:
        """A unit's result as an earlier run left it; None where it left none that can be read."""
        try:
            with open(os.path.join(self._folder, unit_id), encoding="utf-8", errors="surrogateescape") as file:
                return _result(json.load(file), target)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def drop(self, unit_id: str) -> None:
        """Forget one unit, also where it is done for one history only."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self._folder, unit_id.partition("@")[0]))

    def clear_others(self) -> None:
        """Forget what other policies left."""
        above, own = os.path.split(self._folder)
        with contextlib.suppress(OSError):
            for name in os.listdir(above):
                if name != own:
                    shutil.rmtree(os.path.join(above, name), ignore_errors=True)

    def clear(self) -> None:
        """Forget everything, of all policies."""
        shutil.rmtree(os.path.dirname(self._folder), ignore_errors=True)


def _plain(result: UnitResult) -> dict[str, Any]:
    sightings = []
    for sighting in result.sightings:
        values = sighting._asdict()
        for name in _BYTES:
            values[name] = values[name].hex()
        sightings.append(values)
    return {
        "documents": result.documents,
        "bytes": result.bytes,
        "skipped": dict(result.skipped),
        "suppressed": dict(result.suppressed),
        "sightings": sightings,
    }


def _result(values: dict[str, Any], target: int) -> UnitResult:
    return UnitResult(
        target,
        sightings=[_sighting(each) for each in values["sightings"]],
        units=1,
        documents=values["documents"],
        bytes=values["bytes"],
        skipped=Counter(values["skipped"]),
        suppressed=Counter(values["suppressed"]),
    )


def _sighting(values: dict[str, Any]) -> Sighting:
    read: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    read |= {name: bytes.fromhex(values[name]) for name in _BYTES}
    read["facts"] = tuple((name, value) for name, value in values["facts"])
    read["parts"] = tuple(Part(*part) for part in values["parts"])
    return Sighting(**read)
