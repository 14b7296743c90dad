"""What a run did and did not do. The last line of the JSON Lines output; the basis of the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

LOSSES_NAMED_MAX = 50
"""How many losses of each kind are named in a summary; the counters stay exact."""

LOSSES_REMEMBERED_MAX = 1 << 20
"""How many objects are remembered, so that one that several steps miss is counted once; past it, each counts."""

_OBJECT_LOSSES = frozenset({"damaged-object", "missing-object", "too-large", "tree-too-deep"})

EXIT_CLEAN = 0
EXIT_FINDINGS = 1
EXIT_MISUSE = 2
EXIT_INCOMPLETE = 3
EXIT_INTERNAL = 4


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that should have been scanned and was not. Any loss makes a run incomplete (exit code 3)."""

    kind: str
    """A stable code: `unreadable`, `missing-object`, `damaged-object`, ..."""
    where: str
    """Display form of the path, object id or unit."""
    detail: str = ""
    """Why, in a few words. Never document bytes."""


@dataclass(slots=True)
class Summary:
    """Totals of one run. Mutable while the run adds to it; `to_record` freezes it into the output form."""

    targets: list[str] = field(default_factory=list)
    findings: int = 0
    unreachable: int = 0
    """Findings in objects that no ref leads to; counted in `findings` too."""
    units: int = 0
    documents: int = 0
    """Files or blobs whose content was scanned."""
    bytes: int = 0
    """Content bytes scanned, after decompression by Git."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Left out by policy (`binary`, `symlink`, `special`, `ignored`, ...): no loss, the run stays complete."""
    losses: Counter[str] = field(default_factory=Counter)
    losses_named: list[Loss] = field(default_factory=list)
    suppressed: Counter[str] = field(default_factory=Counter)
    """Candidates rejected, by gate; shown with --debug."""
    whole: Counter[str] = field(default_factory=Counter)
    """Git blobs that were scanned whole, not by what tells them from their base, by reason; shown with --debug."""
    policy_hash: str = ""
    rules: int = 0
    seconds: float = 0.0
    version: str = ""
    _lost: set[tuple[int, str, str]] = field(default_factory=set, repr=False)

    @property
    def status(self) -> Literal["complete", "incomplete"]:
        """Incomplete with any loss."""
        return "incomplete" if self.losses else "complete"

    def add_losses(self, losses: list[Loss], target: int = -1) -> None:
        """Count every loss of a target, an object once; name the first LOSSES_NAMED_MAX of each kind."""
        for loss in losses:
            if loss.kind in _OBJECT_LOSSES:
                key = (target, loss.kind, loss.where)
                if key in self._lost:
                    continue
                if len(self._lost) < LOSSES_REMEMBERED_MAX:
                    self._lost.add(key)
            self.losses[loss.kind] += 1
            if self.losses[loss.kind] <= LOSSES_NAMED_MAX:
                self.losses_named.append(loss)

    def exit_code(self, *, exit_zero: bool = False) -> int:
        """0 complete and clean, 1 complete with findings (0 with `exit_zero`), 3 incomplete."""
        if self.losses:
            return EXIT_INCOMPLETE
        return EXIT_FINDINGS if self.findings and not exit_zero else EXIT_CLEAN

    def to_record(self) -> dict[str, Any]:
        """A mapping with sorted counters, led by `type`."""
        return {
            "type": "summary",
            "status": self.status,
            "targets": list(self.targets),
            "findings": self.findings,
            "unreachable": self.unreachable,
            "units": self.units,
            "documents": self.documents,
            "bytes": self.bytes,
            "skipped": dict(sorted(self.skipped.items())),
            "losses": dict(sorted(self.losses.items())),
            "losses_named": [
                {"kind": loss.kind, "where": loss.where, "detail": loss.detail}
                for loss in sorted(self.losses_named, key=lambda loss: (loss.kind, loss.where, loss.detail))
            ],
            "suppressed": dict(sorted(self.suppressed.items())),
            "whole": dict(sorted(self.whole.items())),
            "rules": self.rules,
            "policy_hash": self.policy_hash,
            "seconds": round(self.seconds, 3),
            "version": self.version,
        }
