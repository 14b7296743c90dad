"""The table of formats and the choice of a row."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.report import FORMATS, format_of, open_reporter
from gossip.schemas.errors import MisuseError
from tests.unit.report.examples import FINDINGS, Terminal, summary, written

if TYPE_CHECKING:
    from pathlib import Path

CHOICE = "use one of .csv, .json, .jsonl, .ndjson, .xml, .sarif, .txt"


def test_sorted() -> None:
    """The table is sorted by name."""
    assert list(FORMATS) == sorted(FORMATS)


def test_extensions() -> None:
    """Extensions are lower case, have their dot, and belong to one format."""
    extensions = list(chain.from_iterable(row.extensions for row in FORMATS.values()))
    assert len(extensions) == len(set(extensions))
    assert [ext for ext in extensions if ext != ext.lower() or not ext.startswith(".")] == []


@pytest.mark.parametrize("fmt", FORMATS)
def test_reporter_exists(fmt: str) -> None:
    """Every row names a class that has the three calls of a reporter."""
    module, _, name = FORMATS[fmt].reporter.partition(":")
    reporter = getattr(importlib.import_module(module), name)
    assert [call for call in ("finding", "close", "abort") if not callable(getattr(reporter, call, None))] == []


@pytest.mark.parametrize(
    ("fmt", "path", "name"),
    [
        (None, "a.csv", "csv"),
        (None, "a.json", "json"),
        (None, "a.jsonl", "jsonl"),
        (None, "a.ndjson", "jsonl"),
        (None, "a.sarif", "sarif"),
        (None, "a.txt", "text"),
        (None, "a.b/c.XML", "junit"),
        ("text", "a.json", "text"),
        ("sarif", None, "sarif"),
        ("csv", "no-extension", "csv"),
    ],
)
def test_format_of(fmt: str | None, path: str | None, name: str) -> None:
    """A named format wins; else the extension of the file decides, in any case of letters."""
    assert format_of(fmt, path) == name


@pytest.mark.parametrize("path", [None, "-"])
@pytest.mark.parametrize(("stream", "name"), [(io.BytesIO(), "jsonl"), (Terminal(), "text")])
def test_format_of_stdout(monkeypatch: pytest.MonkeyPatch, stream: io.BytesIO, path: str | None, name: str) -> None:
    """Standard output is text for a terminal and JSON Lines for a program."""
    monkeypatch.setattr(sys, "stdout", stream)
    assert format_of(None, path) == name


@pytest.mark.parametrize(
    ("fmt", "path", "message"),
    [
        ("ya\nml", None, r"unknown output format 'ya\nml'; choose one of csv, json, jsonl, junit, sarif, text"),
        (None, "out.\x1bx", rf"cannot tell the output format of 'out.\x1bx' from its extension '.\x1bx'; {CHOICE}"),
        (None, "out", f"cannot tell the output format of 'out' from its extension ''; {CHOICE}"),
    ],
)
def test_unknown(fmt: str | None, path: str | None, message: str) -> None:
    """An unknown format or extension is misuse, in one line that lists what there is."""
    with pytest.raises(MisuseError) as caught:
        format_of(fmt, path)
    assert str(caught.value) == message


@pytest.mark.parametrize("fmt", FORMATS)
def test_open_reporter_file(fmt: str, tmp_path: Path) -> None:
    """A file gets what standard output would get, and nothing else is left in its folder."""
    path = tmp_path / f"report{FORMATS[fmt].extensions[-1]}"
    report = open_reporter(None, str(path))
    for item in FINDINGS:
        report.finding(item)
    report.close(summary(FINDINGS, []))
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {path.name: written(fmt, "findings")}


def test_open_reporter_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Standard output is flushed and left open."""
    for _ in range(2):
        report = open_reporter("csv", None)
        report.close(summary([], []))
    assert capfdbinary.readouterr().out == written("csv", "empty") * 2


def test_lazy() -> None:
    """Only the text format loads rich; the table alone loads no format at all."""
    program = (
        "import sys, gossip.connectors.report as r\n"
        "print(sorted(m for m in sys.modules if m.startswith('gossip.connectors.report.')))\n"
        "[r.open_reporter(f, None) for f in r.FORMATS if f != 'text']\n"
        "print('rich' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = [f"gossip.connectors.report.{name}" for name in ("base", "display", "formats")]
    assert done.stdout == f"{modules}\nFalse\n"
