"""Files through the real path from a source to findings, without a dataflow."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from gossip.flows.run import default_cache_folder
from gossip.flows.scan import build_detector
from gossip.flows.sources import open_source
from gossip.operators.scan import scan_unit
from gossip.operators.worker import Tools
from gossip.schemas.config import ScanConfig
from gossip.schemas.units import ScanUnit, Target

if TYPE_CHECKING:
    from pathlib import Path

    from gossip.engine.detect.detector import Detector
    from gossip.schemas.config import DecodeMode
    from gossip.schemas.finding import Finding
    from gossip.schemas.units import UnitResult


class Place(NamedTuple):
    """What a test of decoding wants to know of a finding."""

    rule: str
    decode_path: tuple[str, ...]
    container_path: tuple[str, ...]
    start: int
    end: int


@cache
def builtin_detector(mode: DecodeMode = "anchors") -> Detector:
    """A detector of the built-in rules, shared by the tests of a session."""
    return build_detector(ScanConfig((), bytes(32), cache_folder=default_cache_folder(), decode=mode))


def scan_folder(folder: Path, mode: DecodeMode = "anchors") -> UnitResult:
    """What one folder holds, in one result; secrets are shown."""
    target = Target("files", str(folder), "t")
    config = ScanConfig((target,), bytes(32), show_secrets=True, decode=mode)
    tools = Tools(config, open_source, lambda: builtin_detector(mode))
    results = [scan_unit(tools, unit) for unit in tools.source(0).plan() if isinstance(unit, ScanUnit)]
    first = results[0]
    for more in results[1:]:
        first.findings += more.findings
        first.documents += more.documents
        first.losses += more.losses
        first.skipped += more.skipped
        first.suppressed += more.suppressed
    return first


def scan_bytes(folder: Path, name: str, data: bytes, mode: DecodeMode = "anchors") -> UnitResult:
    """What one file holds, written to an empty folder first."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return scan_folder(folder, mode)


def place(finding: Finding) -> Place:
    """The place of a finding."""
    return Place(finding.rule_id, finding.decode_path, finding.container_path, finding.start, finding.end)
