"""What `gossip eval` does once its options are read."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN, EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.evaluation.model import Hit, Label, View
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

_MANIFEST_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """One field an option; see `gossip eval --help`."""

    corpus: str
    kind: str = "creddata"
    root: str | None = None
    scan: str | None = None
    findings: tuple[str, ...] = ()
    rules: str | None = None
    min_level: str = "low"
    view: View = "core"
    baseline: str | None = None
    interval_waives: bool = True
    rounds: int = 1000
    fmt: str | None = None
    output: str | None = None


def run_eval(options: EvalOptions) -> int:
    """Evaluate, write the report and return the exit code. Raises MisuseError."""
    from gossip.engine.evaluation.report import decide

    _check(options)
    files = _files(options.corpus)
    before = None if options.baseline is None else _json(options.baseline)
    about: dict[str, Any] = {
        "kind": options.kind,
        "corpus": _digest(files),
        "view": options.view,
        "min_level": options.min_level,
    }
    hits = _kept(_hits(options, about), options.min_level)
    report = _report(options, files, hits, about)
    if before is not None:
        report["gate"] = decide(report, before, interval_waives=options.interval_waives)
    _write(report, options)
    return EXIT_FINDINGS if before is not None and report["gate"]["decision"] == "block" else EXIT_CLEAN


def _check(options: EvalOptions) -> None:
    if (options.scan is None) == (not options.findings):
        raise MisuseError("give either --scan DIR or --findings FILE")
    if options.rules is not None and options.scan is None:
        raise MisuseError("--rules is for --scan; findings of a file have been made already")
    if options.fmt == "table" and options.output is not None:
        raise MisuseError("--output holds JSON; leave out --format table")


def _files(corpus: str) -> list[tuple[str, str]]:
    """(name, text) of the file, or of the CSV files of the folder, sorted by name."""
    path = Path(corpus)
    paths = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not paths:
        raise MisuseError(f"{corpus}: no .csv file in this folder")
    return [(str(each), _text(str(each))) for each in paths]


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as err:
        raise MisuseError(f"{path}: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise MisuseError(f"{path}: not UTF-8 at byte {err.start}") from None


def _json(path: str) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as err:
        raise MisuseError(f"{path}: no JSON: {err}") from None


def _digest(files: Iterable[tuple[str, str]]) -> str:
    from blake3 import blake3

    hashed = blake3()
    for _, text in files:
        hashed.update(text.encode())
    return hashed.hexdigest()


def _report(
    options: EvalOptions, files: list[tuple[str, str]], hits: list[Hit], about: dict[str, Any]
) -> dict[str, Any]:
    from gossip.engine.evaluation.corpora import read_counts, read_creddata, read_manifest
    from gossip.engine.evaluation.matching import compare
    from gossip.engine.evaluation.report import ReportOptions, count_report, make_report

    if options.kind == "counts":
        expected: dict[str, int] = {}
        for where, text in files:
            expected |= read_counts(text, where)
        return count_report(expected, Counter(path for path, _ in {(hit.path, hit.first) for hit in hits}), about)
    labels: list[Label] = []
    for where, text in files:
        if options.kind == "manifest" and len(text) > _MANIFEST_BYTES_MAX:
            raise MisuseError(f"{where}: more than {_MANIFEST_BYTES_MAX} bytes")
        labels += read_creddata(text, where) if options.kind == "creddata" else read_manifest(text, where)
    return make_report(compare(labels, hits, options.view), about, ReportOptions(options.rounds))


def _hits(options: EvalOptions, about: dict[str, Any]) -> list[Hit]:
    from gossip.engine.evaluation.readers import read_hits

    if options.scan is not None:
        hits = _scanned(options, about)
    else:
        hits = [hit for path in options.findings for hit in read_hits(_text(path), path)]
    roots = [root for root in (options.root, options.root and os.path.realpath(options.root)) if root]
    return [hit._replace(path=_relative(hit.path, roots)) for hit in hits]


def _relative(path: str, roots: list[str]) -> str:
    """A path as labels write it: without the scheme of a URI, without the root, with forward slashes."""
    path = path.removeprefix("file://").replace("\\", "/")
    for root in roots:
        prefix = root.rstrip("/") + "/"
        if path.startswith(prefix):
            return path[len(prefix) :]
    return path.removeprefix("./")


def _kept(hits: list[Hit], level: str) -> list[Hit]:
    from gossip.schemas.finding import LEVEL_HIGH_MIN, LEVEL_MEDIUM_MIN

    least = {"low": 0, "medium": LEVEL_MEDIUM_MIN, "high": LEVEL_HIGH_MIN}[level]
    return [hit for hit in hits if hit.confidence >= least]


@dataclass(slots=True)
class _Collector:
    """A reporter that keeps places."""

    folder: str
    hits: list[Hit] = field(default_factory=list)

    def finding(self, finding: Finding) -> None:
        """Keep where it is."""
        from gossip.engine.evaluation.model import Hit

        path = f"{self.folder}/{finding.path}"
        self.hits.append(Hit(path, finding.line, finding.end_line, finding.rule_id, float(finding.confidence)))

    def close(self, summary: Summary) -> None:
        """Nothing is left to be done."""

    def abort(self) -> None:
        """What was found is of no use."""
        self.hits.clear()


def _scanned(options: EvalOptions, about: dict[str, Any]) -> list[Hit]:
    import gossip
    from gossip.flows.cli.options import ScanOptions
    from gossip.flows.cli.running import scan_into

    assert options.scan is not None
    collector = _Collector(options.scan.rstrip("/"))
    summary = scan_into(ScanOptions((options.scan,), rules=options.rules), collector)
    about |= {"gossip": gossip.__version__, "policy": summary.policy_hash, "seconds": round(summary.seconds, 2)}
    return collector.hits


def _write(report: dict[str, Any], options: EvalOptions) -> None:
    import click

    from gossip.engine.evaluation.table import render

    if options.output is None and options.fmt != "json":
        click.echo(render(report), nl=False)
        return
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        click.echo(text, nl=False)
        return
    try:
        Path(options.output).write_text(text, "utf-8")
    except OSError as err:
        raise MisuseError(f"--output {options.output}: {err.strerror or err}") from err
