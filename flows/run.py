"""What a run needs besides its flow: its settings from plain options, and the totals and outputs of its results."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import gossip
from gossip.engine.identity import HASH_BYTES, TAG_OPEN_KEY, derive
from gossip.schemas.config import DecodeMode, ScanConfig
from gossip.schemas.errors import GossipError, MisuseError
from gossip.schemas.rows import without_credentials
from gossip.schemas.summary import Loss, Summary
from gossip.schemas.units import Target, UnitResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gossip.engine.rules.model import RuleSet
    from gossip.schemas.finding import Finding
    from gossip.schemas.protocols import Reporter

STDIN = "-"
MODES = ("history", "checkout", "staged", "since")
_WANTS = {"since": "--since", "staged": "--staged", "checkout": "--no-history"}


class Watcher(Protocol):
    """Sees the totals grow: a progress bar."""

    def update(self, summary: Summary, planned_bytes: int) -> None:
        """Called after every result."""


class KnownSecrets(Protocol):
    """Secrets that are not to be reported: a baseline."""

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of them. Asked once for each finding."""


class RunReport:
    """Adds up the results of a run and hands its findings to the outputs as they come.

    A writer of results (`write`, `close`). An output that fails costs the others nothing: the run goes on for them, and
    ends early only when none is left; `write` raises then. `close` ends the run: totals are final, outputs are closed.
    """

    def __init__(
        self,
        config: ScanConfig,
        reporters: Sequence[Reporter],
        rules: RuleSet,
        watcher: Watcher | None = None,
        known: KnownSecrets | None = None,
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
        self._known = known
        self._planned_bytes = 0
        self._started = time.monotonic()
        self._closed = False
        self._failure: GossipError | None = None
        """The first error of an output."""
        self._reader_left: BrokenPipeError | None = None

    def write(self, result: UnitResult) -> None:
        """Add one result."""
        summary = self.summary
        for finding in result.findings:
            if self._known is not None and self._known.covers(finding):
                summary.suppressed["baseline"] += 1
                continue
            if finding.confidence < self._min_confidence:
                summary.suppressed["confidence"] += 1
                continue
            summary.findings += 1
            summary.unreachable += finding.unreachable
            self.levels[finding.level] += 1
            for reporter in tuple(self._reporters):
                with self._output(reporter):
                    reporter.finding(finding)
            if not self._reporters:
                self._raise()
        summary.units += result.units
        summary.documents += result.documents
        summary.bytes += result.bytes
        summary.skipped.update(result.skipped)
        summary.suppressed.update(result.suppressed)
        summary.whole.update(result.whole)
        summary.add_losses(result.losses, result.target)
        self._planned_bytes += result.planned_bytes
        if self._watcher is not None:
            self._watcher.update(summary, self._planned_bytes)

    def interrupted(self, why: str) -> None:
        """The run ends before its time: what was found stays, and the summary says so."""
        self.summary.add_losses([Loss("interrupted", "the run", why)])

    def abort(self) -> None:
        """The run failed: give up the outputs that are still open. Never raises."""
        self._closed = True
        for reporter in self._reporters:
            reporter.abort()
        self._reporters.clear()

    def close(self) -> None:
        """End the run. Every output is closed even if another one failed; then the first error is raised.

        BrokenPipeError is raised only where the readers of all outputs left: with another output the run has its
        result.
        """
        if self._closed:
            return
        self._closed = True
        self.summary.seconds = time.monotonic() - self._started
        for reporter in tuple(self._reporters):
            with self._output(reporter):
                reporter.close(self.summary)
        complete = bool(self._reporters)
        self._reporters.clear()
        if self._failure is not None or not complete:
            self._raise()

    @contextmanager
    def _output(self, reporter: Reporter) -> Iterator[None]:
        """An output that fails, or whose reader left, is taken out of the run; the others go on."""
        try:
            yield
        except GossipError as err:
            self._failure = self._failure or err
        except BrokenPipeError as err:
            self._reader_left = self._reader_left or err
        else:
            return
        self._reporters.remove(reporter)
        reporter.abort()

    def _raise(self) -> None:
        """What became of the outputs that are gone; nothing if there never was one."""
        err = self._failure or self._reader_left
        if err is not None:
            raise err


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

    def failed(self, err: BaseException) -> None:
        """The error passes through this process: whoever runs the flow gets it."""
        self._close = False

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
    verify_packs: bool = False,
    rules: str | None = None,
    show_secrets: bool = False,
    min_confidence: int = 0,
    segment_bytes: int | None = None,
    cache_folder: str | None = None,
    tenant_key: bytes | None = None,
    decode: DecodeMode = "anchors",
    decode_depth: int | None = None,
    archives: bool = True,
    scan_binary: bool = False,
    whole_blobs: bool = False,
    refs: Iterable[str] = (),
    excluded_refs: Iterable[str] = (),
    reachable_only: bool = False,
    enabled_rules: Iterable[str] = (),
    disabled_rules: Iterable[str] = (),
) -> ScanConfig:
    """Settings of a scan. `mode`, `since`, `refs` and `excluded_refs` are for Git targets. Raises MisuseError; opens
    nothing.
    """
    if mode not in MODES:
        raise MisuseError(f"mode {mode!r}: must be one of {', '.join(MODES)}")
    if mode == "since" and not since:
        raise MisuseError("--since: needs a revision, not an empty text (is a variable unset?)")
    if rules == "":
        raise MisuseError("--rules: needs a file, not an empty text (is a variable unset?)")
    options = {"since": since} if since else {}
    options |= {"gitignore": "yes"} if gitignore else {}
    options |= {"ignored": "yes"} if ignored else {}
    options |= {"verify": "yes"} if verify_packs else {}
    options |= _ref_options(refs, excluded_refs, mode)
    targets = tuple(_target(name, index, mode, options) for index, name in enumerate(distinct(paths)))
    if not targets:
        raise MisuseError("nothing to scan: name a path, a repository or - for standard input")
    key = open_tenant_key() if tenant_key is None else tenant_key
    if len(key) != HASH_BYTES:
        raise MisuseError(f"tenant key of {len(key)} bytes: it must have {HASH_BYTES}")
    return ScanConfig(
        targets=targets,
        tenant_key=key,
        rules_path=rules,
        enabled_rules=tuple(enabled_rules),
        disabled_rules=tuple(disabled_rules),
        cache_folder=cache_folder if cache_folder is not None else default_cache_folder(),
        show_secrets=show_secrets,
        segment_bytes=segment_bytes,
        min_confidence=min_confidence,
        decode=decode,
        decode_depth=decode_depth,
        archives=archives,
        scan_binary=scan_binary,
        whole_blobs=whole_blobs,
        reachable_only=reachable_only,
    )


def distinct(paths: Iterable[str]) -> list[str]:
    """`paths` without those that name an earlier one once more, in another spelling or by a link.

    A path would be scanned twice and each of its findings reported twice, under the same id.
    """
    first: dict[str, str] = {}
    for path in paths:
        first.setdefault(_place(path), path)
    return list(first.values())


def _place(path: str) -> str:
    """What two spellings of a target have in common."""
    from gossip.connectors.git.urls import is_remote, normal_url
    from gossip.flows.urls import is_url

    if path == STDIN:
        return path
    if is_url(path):
        return f"url {path.rstrip('/')}"
    return f"remote {normal_url(path)}" if is_remote(path) else os.path.realpath(path)


def _ref_options(refs: Iterable[str], excluded: Iterable[str], mode: str) -> dict[str, str]:
    from gossip.connectors.git.selection import RefSelection

    selection = RefSelection(tuple(refs), tuple(excluded))
    selection.check()
    if not selection.everything and mode not in ("history", "since"):
        raise MisuseError(
            "--branch, --ref and --exclude-ref choose from the history; --staged and --no-history read none"
        )
    return selection.options()


def _target(name: str, index: int, mode: str, options: dict[str, str]) -> Target:
    from gossip.connectors.git.detect import is_repository
    from gossip.connectors.git.selection import OPTION, OPTION_EXCLUDED
    from gossip.connectors.git.urls import is_remote
    from gossip.flows.mirrors import remote_target
    from gossip.flows.urls import is_url, url_target

    if name == STDIN:
        return Target("stdin", STDIN, STDIN, index=index)
    if is_remote(name):
        target = remote_target(name, index, {**options, "mode": mode})
        if mode in ("staged", "checkout"):
            raise MisuseError(f"{target.name}: a remote repository has no checkout; scan its history")
        return target
    if is_url(name):
        if mode != "history":
            raise MisuseError(f"{without_credentials(name)}: {_WANTS[mode]} is for Git repositories")
        return url_target(name, index)
    if not os.path.lexists(name):
        raise MisuseError(f"{name or repr(name)}: no such file or folder")
    if is_repository(name):
        return Target("git", name, name, tuple(sorted({**options, "mode": mode}.items())), index)
    if mode != "history":
        raise MisuseError(f"{name}: not a Git repository, which {_WANTS[mode]} needs (give the root of a worktree)")
    if options.keys() & {OPTION, OPTION_EXCLUDED}:
        raise MisuseError(f"{name}: not a Git repository, and so without refs to choose (give the root of a worktree)")
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
