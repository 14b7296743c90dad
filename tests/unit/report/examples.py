"""Runs to report, hostile ones included, and how to write them in a format. Rewrites the golden files when run.

`python -m tests.unit.report.examples` rewrites `golden/`; read the difference before you commit it.
"""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

from gossip.connectors.report import FORMATS, Options, Output
from gossip.schemas.finding import Finding, level_of
from gossip.schemas.protocols import Reporter
from gossip.schemas.summary import LOSSES_NAMED_MAX, Loss, Summary

GOLDEN = Path(__file__).parent / "golden"


def finding(number: int, **fields: object) -> Finding:
    """A finding whose ids are made of `number`; `fields` replace the harmless defaults."""
    confidence = fields.pop("confidence", 9)
    assert isinstance(confidence, int)
    values: dict[str, object] = {
        "finding_id": f"{number:064x}",
        "occurrence_id": f"{number + 0x100:064x}",
        "rule_id": "example-token",
        "description": "Example service token",
        "confidence": confidence,
        "level": level_of(confidence),
        "secret_hash": f"{number + 0x200:064x}",
        "preview": "exmp… (20 bytes)",
        "target": "repo",
        "path": "src/app.py",
        "start": 40,
        "end": 60,
        "line": 3,
        "column": 9,
        "end_line": 3,
        "end_column": 29,
    }
    return Finding(**(values | fields))  # type: ignore[arg-type]


FINDINGS = [
    finding(
        1,
        object_id="ab" * 20,
        commit="cd" * 20,
        author="Zoë Ünal",
        email="zoe@example.org",
        date="2026-03-01T12:00:00+01:00",
        validation="valid",
        rule_fingerprint="ef" * 32,
        tags=("token", "cloud"),
    ),
    # A path with a line break, an escape sequence, rich markup and a URI's special characters.
    finding(2, path="a\n\x1b[31m[red]x[/red] %#?.py", confidence=5, commit="12" * 20, tags=("cloud",)),
    # An author for a spreadsheet, for a browser, and for a table; a change of text direction; a C1 escape.
    finding(3, path="caf\\xe9.txt", author='=HYPERLINK("x"),<script>\'&', email="\u202ea\x9bb\u2028\x00@x", date="-1"),
    # Surrogates, which no encoding holds: a byte kept by surrogateescape and one that stands for nothing.
    finding(
        4, path="bad\udcff\ud800.txt", rule_id="a-rule", description="A [rule] {0}", confidence=2, preview="<!--… (9)"
    ),
    # In an archive in an archive, decoded twice, over two lines, from standard input.
    finding(
        5,
        target="-",
        path="",
        container_path=("in\u2029ner.zip", "[b](c).txt"),
        decode_path=("base64", "percent"),
        end_line=4,
        end_column=2,
    ),
    # No ref leads to it, and no commit either.
    finding(6, path="", object_id="ba" * 20, unreachable=True),
]
"""In no order: four rules and targets mixed, the first is not the least."""

LOSSES = [
    Loss("unreadable", "b\x1b]0;x\x07[red]{0}", "permission denied"),
    Loss("missing-object", "ab" * 20),
    *(Loss("unreadable", f"many/{number:02}", "permission denied") for number in range(LOSSES_NAMED_MAX)),
]
"""One more `unreadable` than a summary names."""


def summary(findings: list[Finding], losses: list[Loss]) -> Summary:
    """The totals of a run over two targets."""
    result = Summary(
        targets=["repo", "-"],
        findings=len(findings),
        unreachable=sum(finding.unreachable for finding in findings),
        units=2,
        documents=1234,
        bytes=5_452_595,
        skipped=Counter({"symlink": 3, "binary": 12}),
        suppressed=Counter({"entropy": 1200, "allowlist": 4}),
        policy_hash="01" * 32,
        rules=411,
        seconds=3.24159,
        version="0.1.0",
    )
    result.add_losses(losses)
    return result


RUNS: dict[str, tuple[list[Finding], list[Loss]]] = {
    "empty": ([], []),
    "findings": (FINDINGS, []),
    "losses": ([], LOSSES),
}


class Terminal(io.BytesIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def reporter(fmt: str, output: Output, options: Options | None = None) -> Reporter:
    """A reporter of the format, as `open_reporter` makes it, on any output."""
    import importlib

    module, _, name = FORMATS[fmt].reporter.partition(":")
    made: Reporter = getattr(importlib.import_module(module), name)(output, options or Options())
    return made


def written(fmt: str, run: str, options: Options | None = None) -> bytes:
    """The whole output of a run in a format."""
    findings, losses = RUNS[run]
    stream = io.BytesIO()
    report = reporter(fmt, Output(stream=stream), options)
    for item in findings:
        report.finding(item)
    report.close(summary(findings, losses))
    return stream.getvalue()


def golden(fmt: str, run: str) -> Path:
    """Where the expected output is."""
    return GOLDEN / f"{run}{FORMATS[fmt].extensions[0]}"


if __name__ == "__main__":
    for name in FORMATS:
        for run_name in RUNS:
            golden(name, run_name).write_bytes(written(name, run_name))
