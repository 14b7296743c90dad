"""Whole outputs of whole runs, byte for byte."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET

import pytest

from gossip.connectors.report import FORMATS, Output
from gossip.schemas.finding import FINDING_FIELDS, Finding
from tests.unit.report.examples import FINDINGS, RUNS, finding, golden, reporter, summary, written

SORTED = sorted(FINDINGS, key=Finding.sort_key)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("fmt", FORMATS)
def test_golden(fmt: str, run: str) -> None:
    """Each format writes each run exactly as the golden file has it."""
    assert written(fmt, run) == golden(fmt, run).read_bytes()


@pytest.mark.parametrize("fmt", sorted(set(FORMATS) - {"jsonl", "text"}))
def test_arrival_order_is_invisible(fmt: str) -> None:
    """A format that is one document does not depend on the order in which findings arrive."""
    stream = io.BytesIO()
    report = reporter(fmt, Output(stream=stream))
    for item in reversed(FINDINGS):
        report.finding(item)
    report.close(summary(FINDINGS, []))
    assert stream.getvalue() == written(fmt, "findings")


@pytest.mark.parametrize("fmt", FORMATS)
def test_no_raw_controls(fmt: str) -> None:
    """No format lets a control character or a change of text direction through, be it printed on a terminal."""
    raw = written(fmt, "findings").decode() + written(fmt, "losses").decode()
    assert [char for char in raw if not char.isprintable() and char not in "\r\n"] == []


def shown(value: str) -> str:
    """A surrogate of the examples as JSON gives it back."""
    return value.replace("\udcff", "\\xff").replace("\ud800", "\\ud800")


def test_jsonl_reads_back() -> None:
    """Every line of JSON Lines is the record of its finding; only surrogates come back in their display form."""
    lines = written("jsonl", "findings").decode().splitlines()
    records = [item.to_record() | {"path": shown(item.path)} for item in FINDINGS]
    assert [json.loads(line) for line in lines] == [*records, summary(FINDINGS, []).to_record()]


def test_json_reads_back() -> None:
    """The JSON document holds the same records, sorted."""
    records = [item.to_record() | {"path": shown(item.path)} for item in SORTED]
    expected = {"findings": records, "summary": summary(FINDINGS, []).to_record()}
    assert json.loads(written("json", "findings")) == expected


def test_csv_reads_back() -> None:
    """A CSV reader gets the documented header and as many cells in every row."""
    rows = list(csv.reader(io.StringIO(written("csv", "findings").decode(), newline="")))
    assert rows[0] == list(FINDING_FIELDS)
    assert [len(row) for row in rows] == [len(FINDING_FIELDS)] * (1 + len(FINDINGS))


@pytest.mark.parametrize("start", "=+-@\t\r")
def test_csv_formula(start: str) -> None:
    """A cell that a spreadsheet would take for a formula starts with an apostrophe."""
    stream = io.BytesIO()
    report = reporter("csv", Output(stream=stream))
    report.finding(finding(1, author=f"{start}1+1"))
    report.close(summary([], []))
    [row] = csv.DictReader(io.StringIO(stream.getvalue().decode(), newline=""))
    assert row["author"] == f"'{start}1+1"


@pytest.mark.parametrize("run", RUNS)
def test_junit_parses(run: str) -> None:
    """The counts of the JUnit report are those of its elements, in the root and in every suite."""
    root = ET.fromstring(written("junit", run))

    def counts(node: ET.Element) -> list[int]:
        return [len(list(node.iter(tag))) for tag in ("testcase", "failure", "error")]

    def said(node: ET.Element) -> list[int]:
        return [int(node.attrib[name]) for name in ("tests", "failures", "errors")]

    assert [said(node) for node in (root, *root)] == [counts(node) for node in (root, *root)]


SECRET = "s3cr3t-value-of-the-user"


@pytest.mark.parametrize(("fmt", "shows"), [(name, name not in {"junit", "sarif"}) for name in FORMATS])
def test_secret(fmt: str, shows: bool) -> None:
    """A secret that was asked for is in the formats for the user, never in those that are uploaded."""
    stream = io.BytesIO()
    report = reporter(fmt, Output(stream=stream))
    report.finding(finding(1, secret=SECRET))
    report.close(summary([], []))
    assert (SECRET in stream.getvalue().decode()) is shows


def test_csv_secret_column() -> None:
    """The column `secret` exists only where a finding carries one; others leave it empty."""
    stream = io.BytesIO()
    report = reporter("csv", Output(stream=stream))
    report.finding(finding(1, secret="=1"))
    report.finding(finding(2, start=41))
    report.close(summary([], []))
    rows = list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))
    assert [row[-1] for row in rows] == ["secret", "'=1", ""]
    assert len(rows[0]) == len(FINDING_FIELDS) + 1
