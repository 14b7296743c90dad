"""For people: findings as blocks of text, and the summary of a run.

All text from the scanned side passes `visible`: no terminal escape, line break or change of text direction in a path or
an author reaches the terminal. It goes to rich as Text, never as markup, so `[red]` is five characters.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from gossip.connectors.report.display import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gossip.connectors.report.base import Options, Output
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

COMMIT_SHORT_CHARS: Final = 12
_STYLES: Final[dict[str, str]] = {"high": "bold red", "medium": "yellow", "low": "cyan"}
_LABEL_CHARS: Final = 9
_UNIT_BYTES: Final = 1024


def use_color(*, is_terminal: bool) -> bool:
    """Whether to colour where nobody said so: on a terminal that can, unless NO_COLOR is set (no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def location(finding: Finding) -> str:
    """`target/path:line:column`, which terminals and editors open, and the archive member behind it."""
    path = finding.target
    if finding.shown_path != finding.target:
        path = f"{path.rstrip('/')}/{finding.shown_path}" if path else finding.shown_path
    members = "".join(f"!{member}" for member in finding.container_path)
    return f"{visible(path + members)}:{finding.line}:{finding.column}"


def _commit(finding: Finding) -> str:
    email = f"<{finding.email}>" if finding.email else ""
    return "  ".join(
        visible(part)
        for part in (finding.commit[:COMMIT_SHORT_CHARS], f"{finding.author} {email}".strip(), finding.date)
        if part
    )


def render_finding(finding: Finding, *, debug: bool = False) -> Text:
    """One finding as a block that ends in an empty line."""
    text = Text()
    text.append(f"{finding.level.upper():<8}", style=_STYLES[finding.level])
    text.append(visible(finding.rule_id), style="bold")
    text.append(f"  {visible(finding.description)}\n")
    rows = [
        ("at", location(finding)),
        ("secret", visible(finding.preview)),
        # Only with --show-secrets; line breaks of keys are shown as escapes like everything else.
        ("value", visible(finding.secret or "")),
        ("decoded", visible(" > ".join(finding.decode_path))),
        ("commit", _commit(finding)),
        ("note", "unreachable: no ref leads to this object" if finding.unreachable else ""),
        ("checked", "" if finding.validation == "none" else finding.validation),
    ]
    if debug:
        rows += [
            ("score", f"{finding.confidence} of 10"),
            ("bytes", f"{finding.start} to {finding.end}"),
            ("object", visible(finding.object_id)),
            ("finding", visible(finding.finding_id)),
            ("place", visible(finding.occurrence_id)),
            ("rule", visible(finding.rule_fingerprint)),
        ]
    for label, value in rows:
        if value:
            text.append(f"  {label:<{_LABEL_CHARS}}", style="dim").append(f"{value}\n")
    return text


class TextReporter:
    """Writes a block for each finding when it comes, in the order of the scan. The summary is not part of it."""

    def __init__(self, output: Output, options: Options | None = None) -> None:
        self._output = output
        self._debug = options.debug if options else False
        color = options.color if options else None
        if color is None:
            color = use_color(is_terminal=output.is_terminal)
        # Everything that rich would guess from the environment is said, so that a report does not depend on it.
        self._console = Console(
            file=io.StringIO(),
            force_terminal=color,
            force_interactive=False,
            color_system="standard" if color else None,
            no_color=not color,
            legacy_windows=False,
        )

    def finding(self, finding: Finding, /) -> None:
        """Write one block."""
        with self._console.capture() as capture:
            # soft_wrap: a long path stays in one line, to be copied.
            self._console.print(render_finding(finding, debug=self._debug), soft_wrap=True, highlight=False)
        self._output.write(capture.get().encode())
        self._output.flush()

    def close(self, _summary: Summary) -> None:
        """Put the file in its place."""
        self._output.commit()

    def abort(self) -> None:
        """Leave a file that was there as it was."""
        self._output.abort()


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < _UNIT_BYTES:
            return f"{count} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= _UNIT_BYTES
    return f"{size:.1f} TiB"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _counters(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{visible(name)} {count:,}" for name, count in sorted(counters.items()))


def _losses(summary: Summary) -> Text:
    """What was not scanned, by kind; a kind with more losses than are named says how many more."""
    record = summary.to_record()
    text = Text().append("Incomplete", style="bold red").append(": not scanned, though it should have been\n")
    for kind, total in record["losses"].items():
        text.append(f"  {visible(kind)} {total:,}\n")
        named = [loss for loss in record["losses_named"] if loss["kind"] == kind]
        for loss in named:
            detail = f": {loss['detail']}" if loss["detail"] else ""
            text.append(f"    {visible(loss['where'] + detail)}\n")
        if total > len(named):
            text.append(f"    and {total - len(named):,} more\n")
    return text


def render_summary(
    summary: Summary,
    console: Console,
    debug: bool = False,  # noqa: FBT001, FBT002 - callers name it
    *,
    levels: Mapping[str, int] | None = None,
) -> None:
    """Print the end of a run for people: what was scanned, what was found, what was left out, what was lost.

    `levels` counts the findings by level, which a summary does not. `debug` adds the candidates that
    each gate rejected, and why blobs were scanned whole. The console belongs to the caller, who points it at standard
    error.
    """
    text = Text()
    text.append(f"Scanned {_count(summary.documents, 'document')}, {_size(summary.bytes)}, in {summary.seconds:.1f} s")
    text.append(f", with {_count(summary.rules, 'rule')}\n" if summary.rules else "\n")
    text.append(f"Found {_count(summary.findings, 'finding')}")
    if summary.findings and levels:
        parts = [(name, levels.get(name, 0)) for name in ("high", "medium", "low")]
        text.append(": ").append(
            Text(", ").join(Text(f"{count:,} {name}", style=_STYLES[name]) for name, count in parts if count)
        )
    text.append("\n")
    if summary.unreachable:
        text.append(f"Of these, {summary.unreachable:,} in objects that no ref leads to\n")
    if summary.skipped:
        text.append(f"Left out by choice: {_counters(summary.skipped)}\n")
    if debug and summary.suppressed:
        text.append(f"Rejected by gate: {_counters(summary.suppressed)}\n")
    if debug and summary.whole:
        text.append(f"Blobs scanned whole: {_counters(summary.whole)}\n")
    if summary.losses:
        text.append(_losses(summary))
    console.print(text, soft_wrap=True, highlight=False, end="")
