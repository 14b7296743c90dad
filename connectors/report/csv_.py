"""CSV after RFC 4180, for spreadsheets and databases: a header, then one finding a row."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from gossip.connectors.report.base import CollectingReporter
from gossip.connectors.report.display import visible
from gossip.schemas.finding import FINDING_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

LIST_SEPARATOR: Final = ";"
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> str:
    r"""One cell: lists joined with `;`; text that a spreadsheet would run as a formula after an apostrophe.

    Whoever writes a commit picks its author and paths; opened in a spreadsheet, `=HYPERLINK(...)` as an author would
    act. So a cell that starts with `=`, `+`, `-`, `@`, tab or CR starts with `'` here. The target `-` (standard input)
    becomes `'-`. RFC 4180 has no place for control characters but line breaks: they are shown as escapes (`\x1b`).
    Both change the value, and a `;` in an item of a list is not escaped: who needs exact values reads json or jsonl.

    >>> cell("=1+1"), cell(["base64", "gzip"]), cell(7)
    ("'=1+1", 'base64;gzip', '7')
    """
    if isinstance(value, dict):
        value = [f"{name}={text}" for name, text in value.items()]
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = LIST_SEPARATOR.join(map(_item, value)) if isinstance(value, (list, tuple)) else str(value)
    text = visible(text, keep="\t\r\n")
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _item(value: Any) -> str:
    """One item of a list: a component of a multi-part finding by its rule and place."""
    return f"{value['rule_id']}@{value['line']}:{value['column']}" if isinstance(value, dict) else str(value)


def csv_row(values: Iterable[Any]) -> bytes:
    """One row of values, each as `cell` shows it."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(map(cell, values))
    return buffer.getvalue().encode()


class CsvReporter(CollectingReporter):
    """The fields of a finding in their documented order, sorted rows, UTF-8, CRLF line ends.

    A column `secret` follows only where a finding carries its secret (`--show-secrets`). A table of findings has no
    place for the summary: that a run was incomplete shows in its exit code and on standard error.
    """

    def pieces(self, findings: list[Finding], summary: Summary) -> Iterator[bytes]:
        """The header, then one row a piece."""
        columns = FINDING_FIELDS
        if any(finding.secret is not None for finding in findings):
            columns = (*columns, "secret")
        yield csv_row(columns)
        for finding in findings:
            record = finding.to_record()
            yield csv_row(record.get(name, "") for name in columns)
