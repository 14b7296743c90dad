"""The table of output formats, and the way from a format's name or a file's extension to its reporter."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from gossip.connectors.report.base import STDOUT, Options, Output
from gossip.connectors.report.display import visible
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gossip.schemas.protocols import Reporter


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table. The module is imported when the format is asked for, not before."""

    reporter: str
    """`module:class`; the class takes an Output and Options."""
    extensions: tuple[str, ...]
    """With the dot, in lower case; no two formats share one."""
    streamed: bool = False
    """A file of this format is written in place as findings arrive, instead of being replaced as a whole."""


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "csv": Format("gossip.connectors.report.csv_:CsvReporter", (".csv",)),
        "json": Format("gossip.connectors.report.json_:JsonReporter", (".json",)),
        "jsonl": Format("gossip.connectors.report.jsonl:JsonlReporter", (".jsonl", ".ndjson"), streamed=True),
        "junit": Format("gossip.connectors.report.junit:JunitReporter", (".xml",)),
        "sarif": Format("gossip.connectors.report.sarif:SarifReporter", (".sarif",)),
        "text": Format("gossip.connectors.report.text:TextReporter", (".txt",)),
    }
)
"""Sorted by name; a test holds it so."""


def format_of(fmt: str | None, path: str | None) -> str:
    """The name of the format to use: `fmt`, else by the extension of `path`, else by who reads standard output.

    On a terminal that is text; a pipe or a redirected file gets jsonl. MisuseError lists what there is.

    >>> format_of(None, "leaks.sarif"), format_of("csv", "leaks.sarif")
    ('sarif', 'csv')
    """
    if fmt is not None:
        if fmt not in FORMATS:
            raise MisuseError(f"unknown output format '{visible(fmt)}'; choose one of {', '.join(FORMATS)}")
        return fmt
    if path is None or path == STDOUT:
        return "text" if sys.stdout is not None and sys.stdout.isatty() else "jsonl"
    extension = PurePath(path).suffix.lower()
    for name, row in FORMATS.items():
        if extension in row.extensions:
            return name
    known = ", ".join(extension for row in FORMATS.values() for extension in row.extensions)
    raise MisuseError(
        f"cannot tell the output format of '{visible(path)}' from its extension '{visible(extension)}'; "
        f"use one of {known}"
    )


def open_reporter(fmt: str | None, path: str | None, *, color: bool | None = None, debug: bool = False) -> Reporter:
    """Open the output and return the reporter that writes to it; no path, or `-`, is standard output.

    The format is checked before the output is touched, and the output before the scan: a mistake costs no scan, and an
    unknown format costs no file.
    """
    row = FORMATS[format_of(fmt, path)]
    module, _, attribute = row.reporter.partition(":")
    factory = cast("Callable[[Output, Options], Reporter]", getattr(importlib.import_module(module), attribute))
    return factory(Output(path, streamed=row.streamed), Options(color=color, debug=debug))
