"""What `gossip hook` does: a scan of what a commit or a push adds, and words for whoever made it.

No dataflow is built. A hook is waited for: what it scans is small, and one process has done it before a second one has
started.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gossip.connectors.report.display import visible
from gossip.flows.baselines import KnownSecrets, known_secrets
from gossip.flows.cli.hooktext import HookReporter
from gossip.flows.cli.streams import say
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN, EXIT_FINDINGS
from gossip.schemas.units import ScanUnit, Target, UnitResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gossip.schemas.config import ScanConfig
    from gossip.schemas.summary import Summary

FILES_MAX = 50_000
MIB_MAX = 512
LINES_MAX = 100_000
"""Refs of one push."""
_MIB = 1 << 20
_NONE = "0" * 40
_ID = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HookOptions:
    """One field an option; see `gossip hook --help`."""

    rules: str | None = None
    enabled_rules: tuple[str, ...] = ()
    disabled_rules: tuple[str, ...] = ()
    min_confidence: int = 0
    tenant_key_file: str | None = None
    baseline: str | None = None
    max_objects: int | None = None
    max_mib: int | None = None
    accept_incomplete: bool = False
    report_only: bool = False


def run_hook(kind: str, arguments: tuple[str, ...], options: HookOptions, environment: Mapping[str, str]) -> int:
    """Scan what a hook is about and return the exit code. Raises MisuseError and what a scan raises."""
    target = _TARGETS[kind](arguments, options, environment)
    if target is None:
        return EXIT_CLEAN
    reporter = HookReporter(kind, f", or add it to {visible(options.baseline)}" if options.baseline else "")
    config = _config(options, target)
    known = None if options.baseline is None else known_secrets(options.baseline)
    if known is not None:
        known.check_key(config.tenant_key)
    summary = scan_target(config, reporter, known)
    say(reporter.text(summary, options.report_only, accept_incomplete=options.accept_incomplete))
    if options.report_only:
        return EXIT_CLEAN
    if summary.losses and options.accept_incomplete:
        return EXIT_FINDINGS if summary.findings else EXIT_CLEAN
    return summary.exit_code()


def scan_target(config: ScanConfig, reporter: HookReporter, known: KnownSecrets | None = None) -> Summary:
    """Scan one target in this process, and return the totals."""
    from gossip.flows.run import RunReport
    from gossip.flows.scan import build_detector
    from gossip.flows.sources import open_source
    from gossip.operators.scan import scan_unit
    from gossip.operators.worker import Worker

    detector = build_detector(config)
    worker = Worker(config, open_source, lambda: detector)
    report = RunReport(config, [reporter], detector.rule_set, None, known)
    for item in worker.tools.source(0).plan():
        if isinstance(item, ScanUnit):
            report.write(scan_unit(worker.tools, item))
        else:
            report.write(UnitResult(0, losses=list(getattr(item, "losses", ()))))
    report.close()
    return report.summary


def warm_up(options: HookOptions) -> None:
    """Compile the rules now: the first commit does not wait for it. Raises MisuseError for rules that are wrong."""
    from gossip.flows.scan import build_detector

    build_detector(_config(options, Target("files", ".", ".")))


def _config(options: HookOptions, target: Target) -> ScanConfig:
    from gossip.flows.cli.running import tenant_key_of
    from gossip.flows.run import scan_config

    made = scan_config(
        [os.curdir],
        rules=options.rules,
        enabled_rules=options.enabled_rules,
        disabled_rules=options.disabled_rules,
        min_confidence=options.min_confidence,
        tenant_key=tenant_key_of(options.tenant_key_file),
    )
    return replace(made, targets=(target,))


def _staged(_arguments: tuple[str, ...], _options: HookOptions, environment: Mapping[str, str]) -> Target:
    """What the index of the commit that is being made adds to HEAD."""
    where = _place(environment)
    named = {"mode": "staged", **_surroundings(environment)}
    if environment.get("GIT_INDEX_FILE"):
        named["index"] = os.path.abspath(environment["GIT_INDEX_FILE"])
    return Target("git", where, where, tuple(sorted(named.items())))


def _to_push(arguments: tuple[str, ...], options: HookOptions, environment: Mapping[str, str]) -> Target | None:
    """Commits that the remote does not have, as far as is known here: by its answer, and by remote-tracking refs."""
    rows = [(new, ref, old) for ref, new, _, old in _rows(4, "<ref> <id> <ref> <id>")]
    remote = arguments[0] if arguments else environment.get("PRE_COMMIT_REMOTE_NAME", "")
    if not rows:
        rows = _by_framework(environment)
    # A remote that is named by its URL has no such refs: then nothing is known but what it has answered.
    tracking = [f"refs/remotes/{remote}/*"] if remote and not re.search(r"\s", remote) else []
    return _pushed(rows, tracking, options, environment)


def _by_framework(environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What the pre-commit framework says of a push: by variables, and of a branch without a beginning its name."""
    new, branch = environment.get("PRE_COMMIT_TO_REF", ""), environment.get("PRE_COMMIT_LOCAL_BRANCH", "")
    if not new and not branch.startswith("refs/"):
        return []
    return [(new or branch, branch or new, environment.get("PRE_COMMIT_FROM_REF") or _NONE)]


def _received(_arguments: tuple[str, ...], options: HookOptions, environment: Mapping[str, str]) -> Target | None:
    """Commits that no ref of the repository leads to."""
    rows = [(new, ref, old) for old, new, ref in _rows(3, "<old id> <new id> <ref>")]
    return _pushed(rows, ["*"], options, environment)


def _pushed(
    rows: Iterable[tuple[str, str, str]], known: list[str], options: HookOptions, environment: Mapping[str, str]
) -> Target | None:
    """The target of a push; None where it brings nothing: rows are (new id, ref, old id)."""
    from gossip.connectors.git.pushed import BYTES_MAX, HIDDEN, OBJECTS_MAX, TIPS

    tips, hidden = [], list(known)
    for new, ref, old in rows:
        for text in (new, old):
            if not _ID.fullmatch(text) and not text.startswith("refs/"):
                raise MisuseError(f"{ref}: {text!r} is no id of an object with 40 hexadecimal digits")
        if old != _NONE:
            hidden.append(old)
        if new not in (_NONE, old):
            tips.append(f"{new}={ref}")
    if not tips:
        return None
    where = _place(environment)
    named = {
        TIPS: " ".join(tips),
        HIDDEN: " ".join(dict.fromkeys(hidden)),
        OBJECTS_MAX: str(options.max_objects or FILES_MAX),
        BYTES_MAX: str((options.max_mib or MIB_MAX) * _MIB),
        **_surroundings(environment),
    }
    return Target("pushed", where, where, tuple(sorted(named.items())))


_TARGETS = {"pre-commit": _staged, "pre-push": _to_push, "pre-receive": _received}


def _rows(width: int, shape: str) -> list[list[str]]:
    """The lines that Git writes to a hook. Raises MisuseError for what Git does not write."""
    rows = []
    for number, raw in enumerate(sys.stdin.buffer, 1):
        if number > LINES_MAX:
            raise MisuseError(f"over {LINES_MAX:,} refs in one push; push fewer at a time")
        line = os.fsdecode(raw).rstrip("\n")
        words = line.split(" ", width - 1)
        if line and len(words) != width:
            raise MisuseError(f"line {number} of standard input: Git writes {shape} there; is this run by Git?")
        if line:
            rows.append(words)
    return rows


def _place(environment: Mapping[str, str]) -> str:
    """The repository whose hook this is: hooks run at the root of a worktree, or in a bare repository."""
    from gossip.connectors.git.detect import is_repository

    here = os.curdir
    return here if is_repository(here) else environment.get("GIT_DIR") or here


def _surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Where objects are that are not in the repository yet."""
    from gossip.connectors.git.repository import Surroundings

    objects = environment.get("GIT_QUARANTINE_PATH") or environment.get("GIT_OBJECT_DIRECTORY") or ""
    borrowed = tuple(map(os.path.abspath, split_paths(environment.get("GIT_ALTERNATE_OBJECT_DIRECTORIES", ""))))
    return Surroundings(objects=os.path.abspath(objects) if objects else "", borrowed=borrowed).options()


def split_paths(text: str) -> list[str]:
    r"""The paths of a variable of Git's: with colons between them, and in double quotes as in C where one has such.

    >>> split_paths('/a:"/b\\:c\\303\\244"')
    ['/a', '/b:c\xe4']
    """
    found = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^:]+)', text):
        found.append(_unquoted(quoted) if quoted else plain)
    return found


_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_NAMED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _unquoted(text: str) -> str:
    def char(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if len(code) > 1 else _NAMED.get(code, code)

    return os.fsdecode(_ESCAPE.sub(char, os.fsencode(text)))
