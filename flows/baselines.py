"""Baselines on disk, and what a scan does with one."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gossip.engine.baseline.book import Baseline, Entry, Known, entry, parse, place_key, render, suppresses
from gossip.engine.identity import tenant_key_id
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

BYTES_MAX = 256 * 1024 * 1024


class KnownSecrets:
    """A baseline that a scan asks about each finding, and what the scan met of it."""

    def __init__(self, where: str, baseline: Baseline) -> None:
        self._where = where
        self._baseline = baseline
        self._met: set[Known] = set()
        self.suppressed = 0
        """Findings that were known: one secret may have many."""

    def check_key(self, tenant_key: bytes) -> None:
        """Raises MisuseError where the scan's hashes cannot be compared with the baseline's: it would hide nothing."""
        if self._baseline.key_id != tenant_key_id(tenant_key).hex():
            raise MisuseError(
                f"{self._where}: was made with another tenant key than this scan uses; give that one "
                "(--tenant-key-file), or make the baseline anew"
            )

    def covers(self, finding: Finding) -> bool:
        """Whether the baseline has the secret of a finding, under its rule."""
        known = suppresses(self._baseline, finding.secret_hash, finding.rule_id)
        if known is None:
            return False
        self._met.add(known)
        self.suppressed += 1
        return True

    def unmet(self) -> Iterator[Entry]:
        """Entries that matched nothing so far, in the order of the file."""
        return (one for one in self._baseline if one.known not in self._met)

    def said(self, *, complete: bool) -> str:
        """A line for people. `complete`: what was not met is not there."""
        text = f"Baseline: {self.suppressed} findings of {len(self._met)} known secrets left out"
        left = len(self._baseline) - len(self._met)
        if complete and left:
            text += f"; {left} of {len(self._baseline)} entries match nothing (`gossip baseline check` names them)"
        return f"{text}\n"


class Collected:
    """A `Reporter` that keeps the findings of a scan."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def finding(self, finding: Finding, /) -> None:
        """Take one."""
        self.findings.append(finding)

    def close(self, summary: Summary) -> None:
        """Nothing is left to do."""

    def abort(self) -> None:
        """Nothing was opened."""


def open_baseline(path: str) -> Baseline:
    """The baseline in a file. Raises MisuseError for a file that cannot be read or is none."""
    return parse(read_text(path), path)


def known_secrets(path: str) -> KnownSecrets:
    """What a scan asks of the baseline in a file. Raises MisuseError."""
    return KnownSecrets(path, open_baseline(path))


def read_text(path: str) -> str:
    """The text of a baseline, an ignore file or a report. Raises MisuseError."""
    try:
        if os.path.getsize(path) > BYTES_MAX:
            raise MisuseError(f"{path}: has more than {BYTES_MAX // 1024 // 1024} MiB; that is no baseline")
        return Path(path).read_bytes().decode("utf-8")
    except OSError as err:
        raise MisuseError(f"{path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise MisuseError(f"{path}: is no UTF-8 text") from err


def write_baseline(path: str, baseline: Baseline) -> None:
    """Put a baseline in its place, whole or not at all. Raises the errors of outputs."""
    from gossip.connectors.report.base import Output

    out = Output(path)
    try:
        out.write(render(baseline).encode())
        out.commit()
    except BaseException:
        out.abort()
        raise


def entries_of(findings: Iterable[Finding], reason: str) -> list[Entry]:
    """One entry a secret and rule, with the place where it was first."""
    first: dict[Known, Finding] = {}
    for finding in findings:
        known = entry(finding.secret_hash, finding.rule_id).known
        if known not in first or _age(finding) < _age(first[known]):
            first[known] = finding
    return [entry(one.secret_hash, one.rule_id, one.path, reason) for one in first.values()]


def _age(finding: Finding) -> tuple[bool, float, str]:
    try:
        date = datetime.fromisoformat(finding.date).timestamp()
    except (ValueError, OverflowError):
        return place_key(None, finding.path)
    return place_key(date, finding.path)
