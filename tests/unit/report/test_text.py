"""What people see: blocks, colours, the summary."""

from __future__ import annotations

import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gossip.connectors.report import Options, Output
from gossip.connectors.report.display import json_utf8, utf8, visible
from gossip.connectors.report.text import TextReporter, render_summary
from tests.unit.report.examples import FINDINGS, LOSSES, Terminal, finding, summary

HIGH_IN_COLOR = (
    b"\x1b[1;31mHIGH    \x1b[0m\x1b[1mexample-token\x1b[0m  Example service token\n"
    b"\x1b[2m  at       \x1b[0mrepo/\\x1b[0m[red].py:3:9\n"
    b"\x1b[2m  secret   \x1b[0mexmp\xe2\x80\xa6 (20 bytes)\n\n"
)


def block(stream: io.BytesIO, options: Options) -> bytes:
    """What one hostile finding looks like on a stream."""
    TextReporter(Output(stream=stream), options).finding(finding(1, path="\x1b[0m[red].py"))
    return stream.getvalue()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can show colours, whatever the tests run in."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_color() -> None:
    """On a terminal the output is coloured, and the only escapes are ours."""
    assert block(Terminal(), Options()) == HIGH_IN_COLOR


@pytest.mark.parametrize(
    ("stream", "color", "name", "value"),
    [
        (Terminal, None, "NO_COLOR", "1"),
        (Terminal, None, "TERM", "dumb"),
        (Terminal, False, "TERM", "xterm"),
        (io.BytesIO, None, "TERM", "xterm"),
        (io.BytesIO, None, "FORCE_COLOR", "1"),
    ],
)
def test_no_color(
    stream: type[io.BytesIO], color: bool | None, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No escape is written to what is no terminal, nor where the user or the terminal says no."""
    monkeypatch.setenv(name, value)
    assert b"\x1b" not in block(stream(), Options(color=color))


def test_color_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit yes wins over everything."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert block(io.BytesIO(), Options(color=True)) == HIGH_IN_COLOR


def test_debug() -> None:
    """With debug a block has confidence, offsets and ids too."""
    stream = io.BytesIO()
    TextReporter(Output(stream=stream), Options(debug=True)).finding(FINDINGS[0])
    assert stream.getvalue().decode() == (
        "HIGH    example-token  Example service token\n"
        "  at       repo/src/app.py:3:9\n"
        "  secret   exmp… (20 bytes)\n"
        "  commit   cdcdcdcdcdcd  Zoë Ünal <zoe@example.org>  2026-03-01T12:00:00+01:00\n"
        "  checked  valid\n"
        "  score    9 of 10\n"
        "  bytes    40 to 60\n"
        f"  object   {'ab' * 20}\n"
        f"  finding  {1:064x}\n"
        f"  place    {0x101:064x}\n"
        f"  rule     {'ef' * 32}\n\n"
    )


def test_long_line_is_whole() -> None:
    """A path longer than any terminal stays in one line, to be copied."""
    stream = io.BytesIO()
    path = "folder/" * 100 + "a b c"
    TextReporter(Output(stream=stream)).finding(finding(1, path=path))
    assert stream.getvalue().decode().splitlines()[1] == f"  at       repo/{path}:3:9"


@pytest.mark.parametrize(
    ("target", "path", "shown"),
    [("repo/", "a", "repo/a"), (".", "a", "./a"), ("-", "", "-"), ("a.py", "a.py", "a.py"), ("/", "a", "/a")],
)
def test_location(target: str, path: str, shown: str) -> None:
    """Target and path read as one path."""
    stream = io.BytesIO()
    TextReporter(Output(stream=stream)).finding(finding(1, target=target, path=path))
    assert stream.getvalue().decode().splitlines()[1] == f"  at       {shown}:3:9"


def console() -> Console:
    """A plain console of 20 columns."""
    return Console(file=io.StringIO(), width=20, color_system=None)


def printed(target: Console) -> str:
    """What was printed on it."""
    assert isinstance(target.file, io.StringIO)
    return target.file.getvalue()


def test_summary_complete() -> None:
    """A complete run: what was scanned, found by level, left out."""
    target = console()
    render_summary(summary(FINDINGS, []), target, levels={"high": 4, "low": 2})
    assert printed(target) == (
        "Scanned 1,234 documents, 5.2 MiB, in 3.2 s, with 411 rules\n"
        "Found 6 findings: 4 high, 2 low\n"
        "Of these, 1 in objects that no ref leads to\n"
        "Left out by choice: binary 12, symlink 3\n"
    )


def test_summary_incomplete() -> None:
    """An incomplete run names its losses, without an escape or markup, and says how many it does not name."""
    target = console()
    render_summary(summary([], LOSSES), target, debug=True)
    many = "".join(f"    many/{number:02}: permission denied\n" for number in range(49))
    assert printed(target) == (
        "Scanned 1,234 documents, 5.2 MiB, in 3.2 s, with 411 rules\n"
        "Found 0 findings\n"
        "Left out by choice: binary 12, symlink 3\n"
        "Rejected by gate: allowlist 4, entropy 1,200\n"
        "Incomplete: not scanned, though it should have been\n"
        "  missing-object 1\n"
        f"    {'ab' * 20}\n"
        "  unreadable 51\n"
        "    b\\x1b]0;x\\x07[red]{0}: permission denied\n"
        f"{many}"
        "    and 1 more\n"
    )


@given(st.text(st.characters()))
def test_visible(text: str) -> None:
    """Whatever the text, what is shown is one line of harmless UTF-8; harmless text is shown as it is."""
    shown = visible(text)
    assert len(shown.encode().decode().splitlines()) <= 1
    assert shown == visible(shown)
    assert shown == text or any(not char.isprintable() for char in text)


@given(st.binary())
def test_visible_bytes(name: bytes) -> None:
    r"""A file name that is not UTF-8 shows its bytes as `\xNN`, as Findings do."""
    assert visible(os.fsdecode(name), keep="".join(map(chr, range(0x80)))) == visible(
        name.decode("utf-8", "backslashreplace"), keep="".join(map(chr, range(0x80)))
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_text_survives(text: str) -> None:
    """JSON gives every text back that is text, and fills one line for every reader of lines."""
    raw = json_utf8([text])
    assert json.loads(raw) == [text]
    assert len(raw.decode().splitlines()) == 1
    assert utf8(text) == text.encode()
