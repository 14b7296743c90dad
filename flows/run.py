"""What a run needs besides its flow: its settings from plain options, and the totals and outputs of its results."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import gossip
from gossip.engine.identity import HASH_BYTES, TAG_OPEN_KEY, derive
from gossip.schemas.config import ScanConfig
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import Loss, Summary
from gossip.schemas.units import Target, UnitResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gossip.engine.rules.model import RuleSet
    from gossip.schemas.finding import Finding

STDIN = "-"
MODES = ("history", "checkout", "staged", "since")


class Reporter(Protocol):
    """An output, as `connectors/report` makes them."""

    def finding(self, f: Finding, /) -> None:
        """Write one finding."""

    def close(self, summary: Summary) -> None:
        """Write what is left and the summary."""


class Watcher(Protocol):
    """Sees the totals grow: a progress bar."""

    def update(self, summary: Summary, planned_bytes: int) -> None:
        """Called after every result."""


class RunReport:
    """Adds up the results of a run and hands its findings to the outputs as they come.

    A writer of results (`write`, `close`). `close` ends the run: totals are final, outputs are closed.
    """

    def __init__(
        self,
        config: ScanConfig,
        reporters: Sequence[Reporter],
        rules: RuleSet,
        watcher: Watcher | None = None,
    ) -> None:
        self.summary = Summary(
            targets=[target.name for target in config.targets],
            rules=len(rules.rules),
            policy_hash=rules.policy_hash.hex(),
            version=gossip.__version__,
        )
        self.levels: Counter[str] = Counter()
        self._min_confidence = config.min_confidence
        self._reporters = list(reporters)
        self._watcher = watcher
        self._planned_bytes = 0
        self._started = time.monotonic()
        self._closed = False

    def write(self, result: UnitResult) -> None:
        """Add one result."""
        summary = self.summary
        for finding in result.findings:
            if finding.confidence < self._min_confidence:
                summary.suppressed["confidence"] += 1
                continue
            summary.findings += 1
            self.levels[finding.level] += 1
            for reporter in self._reporters:
                reporter.finding(finding)
        summary.units += result.units
        summary.documents += result.documents
        summary.bytes += result.bytes
        summary.skipped.update(result.skipped)
        summary.suppressed.update(result.suppressed)
        summary.add_losses(result.losses, result.target)
        self._planned_bytes += result.planned_bytes
        if self._watcher is not None:
            self._watcher.update(summary, self._planned_bytes)

    def interrupted(self, why: str) -> None:
        """The run ends before its time: what was found stays, and the summary says so."""
        self.summary.add_losses([Loss("interrupted", "the run", why)])

    def close(self) -> None:
        """End the run. Every output is closed even if one of them fails; the first error is raised."""
        if self._closed:
            return
        self._closed = True
        self.summary.seconds = time.monotonic() - self._started
        failure: Exception | None = None
        for reporter in self._reporters:
            try:
                reporter.close(self.summary)
            except Exception as err:
                failure = failure or err
        if failure is not None:
            raise failure


class DirectWriter:
    """Hands results to a report in this process. A `ResultWriter`.

    The runtime closes its writer while it unwinds from an exception, and aborts the process if that raises too: so what
    failed once is left alone, and a report that belongs to somebody else is closed by them.
    """

    def __init__(self, report: RunReport, *, owner: bool) -> None:
        self._report = report
        self._close = owner

    def write(self, result: UnitResult) -> None:
        """Add one result. Raises what an output raises."""
        try:
            self._report.write(result)
        except BaseException:
            self._close = False
            raise

    def close(self) -> None:
        """End the report, if it is ours and nothing failed."""
        if self._close:
            self._report.close()


def scan_config(  # noqa: PLR0913 - one keyword for each option
    paths: Iterable[str],
    *,
    mode: str = "history",
    since: str | None = None,
    gitignore: bool = False,
    ignored: bool = False,
    rules: str | None = None,
    show_secrets: bool = False,
    min_confidence: int = 0,
    segment_bytes: int | None = None,
    cache_folder: str | None = None,
    tenant_key: bytes | None = None,
) -> ScanConfig:
    """Settings of a scan. `mode` and `since` are for Git targets. Raises MisuseError; opens nothing."""
    if mode not in MODES:
        raise MisuseError(f"mode {mode!r}: must be one of {', '.join(MODES)}")
    if mode == "since" and not since:
        raise MisuseError("--since: no revision; is a variable empty?")
    options = {"since": since} if since else {}
    options |= {"gitignore": "yes"} if gitignore else {}
    options |= {"ignored": "yes"} if ignored else {}
    targets = tuple(_target(name, index, mode, options) for index, name in enumerate(paths))
    if not targets:
        raise MisuseError("nothing to scan: name a path, a repository or - for standard input")
    key = open_tenant_key() if tenant_key is None else tenant_key
    if len(key) != HASH_BYTES:
        raise MisuseError(f"tenant key of {len(key)} bytes: it must have {HASH_BYTES}")
    return ScanConfig(
        targets=targets,
        tenant_key=key,
        rules_path=rules,
        cache_folder=cache_folder if cache_folder is not None else default_cache_folder(),
        show_secrets=show_secrets,
        segment_bytes=segment_bytes,
        min_confidence=min_confidence,
    )


def _target(name: str, index: int, mode: str, options: dict[str, str]) -> Target:
    from gossip.connectors.git.detect import is_repository

    if name == STDIN:
        return Target("stdin", STDIN, STDIN, index=index)
    if not os.path.lexists(name):
        hint = " (remote URLs are not supported; clone it first)" if "://" in name else ""
        raise MisuseError(f"{name}: no such file or folder{hint}")
    if is_repository(name):
        return Target("git", name, name, tuple(sorted({**options, "mode": mode}.items())), index)
    if mode != "history":
        wanted = {"since": "--since", "staged": "--staged", "checkout": "--no-history"}[mode]
        raise MisuseError(f"{name}: not a Git repository, which {wanted} needs (give the root of a worktree)")
    return Target("files", name, name, tuple(sorted(options.items())), index)


def open_tenant_key() -> bytes:
    """The key of runs that were given none.

    It is the same everywhere and no secret: ids then agree between machines, as CI needs, but whoever reads a report
    can
    test guesses of a short password against its hash. Give a key of your own where that matters.
    """
    return derive(TAG_OPEN_KEY)


def default_cache_folder() -> str:
    """GOSSIP_CACHE_DIR, else `gossip` in the user's cache folder."""
    named = os.environ.get("GOSSIP_CACHE_DIR")
    if named:
        return named
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return str(Path(base) / "gossip")
