"""`from gossip import Scanner`."""

from __future__ import annotations

import doctest
import gzip
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import gossip
from gossip import Finding, GossipError, Scanner
from gossip.flows import library
from tests.support.cli import TOKEN_RULES, scan
from tests.support.repos import plain_token

LINES = b"one\n" + plain_token(7) + b"\ntwo " + plain_token(8) + b"\n"


@pytest.fixture
def scanner(tmp_path: Path) -> Scanner:
    """With the rule of the tests."""
    (tmp_path / "rules.toml").write_text(TOKEN_RULES)
    return Scanner(rules=tmp_path / "rules.toml", show_secrets=True)


def places(findings: tuple[Finding, ...]) -> list[tuple[str, int, int, str | None]]:
    """What the tests look at."""
    return [(found.path, found.line, found.column, found.secret) for found in findings]


EXPECTED = [("a.txt", 2, 1, plain_token(7).decode()), ("a.txt", 3, 5, plain_token(8).decode())]


def test_the_example_runs() -> None:
    """The one in the module's text."""
    assert doctest.testmod(library) == (0, 4)


def test_every_way_in(scanner: Scanner, tmp_path: Path) -> None:
    """Bytes, text, a stream, chunks that cut a token, a file."""
    (tmp_path / "a.txt").write_bytes(LINES)
    chunks = (LINES[at : at + 3] for at in range(0, len(LINES), 3))
    scans = [
        scanner.scan_bytes(LINES, "a.txt"),
        scanner.scan_text(LINES.decode(), "a.txt"),
        scanner.scan_stream(io.BytesIO(LINES), "a.txt"),
        scanner.scan_stream(chunks, "a.txt"),
    ]
    for scanned in scans:
        assert (places(scanned.findings), scanned.losses, scanned.documents) == (EXPECTED, (), 1)
        assert (scanned.complete, scanned.bytes) == (True, len(LINES))
    of_file = scanner.scan_file(tmp_path / "a.txt")
    assert [(place[1:]) for place in places(of_file.findings)] == [place[1:] for place in EXPECTED]
    assert {found.path for found in of_file.findings} == {str(tmp_path / "a.txt")}


def test_what_is_inside_is_found(scanner: Scanner) -> None:
    """As by the command."""
    (found,) = scanner.scan_bytes(gzip.compress(plain_token(1)), "a.txt.gz").findings
    assert (found.secret, found.container_path) == (plain_token(1).decode(), ("a.txt",))


def test_the_same_as_the_command(scanner: Scanner, tmp_path: Path) -> None:
    """Hashes and places agree; only the target differs."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.txt").write_bytes(LINES)
    ran = scan("--rules", str(tmp_path / "rules.toml"), str(tmp_path / "tree"))
    names = ("rule_id", "secret_hash", "path", "start", "end", "line", "confidence", "rule_fingerprint")
    ours = [tuple(getattr(found, name) for name in names) for found in scanner.scan_bytes(LINES, "a.txt").findings]
    assert sorted(ours) == sorted(tuple(found[name] for name in names) for found in ran.findings)


def test_secrets_are_shown_only_if_asked_for(tmp_path: Path) -> None:
    """And weak findings left out if asked for."""
    (tmp_path / "rules.toml").write_text(TOKEN_RULES)
    found = Scanner(rules=tmp_path / "rules.toml").scan_bytes(LINES).findings
    assert [each.secret for each in found] == [None, None]
    assert Scanner(rules=tmp_path / "rules.toml", min_confidence=9).scan_bytes(LINES).findings == ()


def test_what_cannot_be_read_is_a_loss(scanner: Scanner, tmp_path: Path) -> None:
    """A missing file, a stream that breaks: what came before is scanned."""
    gone = scanner.scan_file(tmp_path / "gone")
    assert (gone.findings, gone.complete, [loss.kind for loss in gone.losses]) == ((), False, ["vanished"])

    def broken() -> Iterator[bytes]:
        yield LINES
        raise OSError(5, "Input/output error")

    scanned = scanner.scan_stream(broken(), "a.txt")
    assert [loss.kind for loss in scanned.losses] == ["unreadable"]
    assert not scanned.complete


def test_threads_do_not_disturb_each_other(scanner: Scanner) -> None:
    """Each scans its own tokens, many times."""
    wrong: list[object] = []

    def work(number: int) -> None:
        for each in range(50):
            token = plain_token(1000 * number + each)
            found = [finding.secret for finding in scanner.scan_bytes(b"x\n" * each + token).findings]
            if found != [token.decode()]:
                wrong.append((number, each, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_misuse(tmp_path: Path) -> None:
    """Wrong settings are told when the scanner is built."""
    with pytest.raises(GossipError, match="must have 32"):
        Scanner(tenant_key=b"short")
    with pytest.raises(GossipError, match=r"no\.toml"):
        Scanner(rules=tmp_path / "no.toml")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        gossip.nothing  # noqa: B018
