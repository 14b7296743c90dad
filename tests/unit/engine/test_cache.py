from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from gossip.engine.detect.detector import Detector
from gossip.engine.rules import cache
from gossip.engine.rules.cache import cached_program
from gossip.engine.rules.compiler import Program, compile_rules
from gossip.engine.rules.model import Allowlist, Rule, RuleSet
from gossip.schemas.config import DecodeMode
from gossip.schemas.errors import MisuseError

RULES = RuleSet((Rule("a", regex="aaa[0-9]{3}", keywords=("aaa",)), Rule("p", path="x$"), Rule("b", regex="b{4,}")))


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[RuleSet]:
    """The rule sets that were compiled, in order."""
    calls: list[RuleSet] = []

    def counting(rule_set: RuleSet, decode: DecodeMode, _beside: RuleSet | None = None) -> Program:
        calls.append(rule_set)
        return compile_rules(rule_set, decode)

    monkeypatch.setattr(cache, "compile_rules", counting)
    return calls


def entry(folder: Path) -> Path:
    """The one file of a cache."""
    (path,) = folder.iterdir()
    return path


def test_miss_then_hit(tmp_path: Path, compiled: list[RuleSet]) -> None:
    """The second start reads what the first has stored, in a folder that it makes; the program is the same."""
    folder = tmp_path / "deep" / "cache"
    first, second = cached_program(RULES, folder), cached_program(RULES, folder)
    assert (second, compiled) == (first, [RULES])
    assert [match.rule for match in Detector(RULES, second).scan([b"aaa123 bbbb"]).matches] == [0, 2]


def test_no_folder_means_no_cache(compiled: list[RuleSet]) -> None:
    """Nothing is stored."""
    assert cached_program(RULES, None) == cached_program(RULES, None)
    assert compiled == [RULES, RULES]


@pytest.mark.parametrize(
    "other",
    [
        RuleSet(RULES.rules[:2]),
        RuleSet(RULES.rules[::-1]),
        RuleSet(RULES.rules, (Allowlist(stopwords=("x",)),)),
        RuleSet((Rule("a", regex="aaa[0-9]{4}", keywords=("aaa",)), *RULES.rules[1:])),
    ],
)
def test_another_rule_set_is_a_miss(tmp_path: Path, compiled: list[RuleSet], other: RuleSet) -> None:
    """Rules, their order and the global allowlists make the key."""
    cached_program(RULES, tmp_path)
    assert cached_program(other, tmp_path) == compile_rules(other)
    assert compiled == [RULES, other]
    assert len(list(tmp_path.iterdir())) == 2


def harmed(raw: bytes) -> dict[str, bytes]:
    """A cache file in several states of decay."""
    middle = len(raw) // 2
    return {
        "empty": b"",
        "cut": raw[:middle],
        "cut by one": raw[:-1],
        "longer": raw + b"\0",
        "other magic": b"X" + raw[1:],
        "flipped in the database": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :],
        "flipped in the digest": raw[:10] + bytes([raw[10] ^ 1]) + raw[11:],
        "text": b"not a program\n" * 50,
    }


@pytest.mark.parametrize("harm", sorted(harmed(bytes(99))))
def test_damaged_file_is_a_miss_and_is_replaced(tmp_path: Path, compiled: list[RuleSet], harm: str) -> None:
    """It is compiled anew, stored, and found the next time."""
    program = cached_program(RULES, tmp_path)
    path = entry(tmp_path)
    sound = path.read_bytes()
    path.write_bytes(harmed(sound)[harm])
    assert cached_program(RULES, tmp_path) == program
    assert path.read_bytes() == sound
    assert cached_program(RULES, tmp_path) == program
    assert compiled == [RULES, RULES]


def rest_of(header: bytes, database: bytes) -> bytes:
    """A file's content with a right digest, whatever it holds."""
    rest = len(header).to_bytes(8, "little") + header + database
    return b"GOSSIPDB" + cache._digest(cache._key(RULES, "anchors"), rest) + rest


@pytest.mark.parametrize(
    ("header", "database"),
    [
        (b"", b""),
        (b"[]", b""),
        (b"null", b""),
        (b"{}", b""),
        (b'{"plans": [{}], "probes": []}', b""),
        (b'{"plans": [], "probes": [[1]]}', b""),
        (b'{"plans": [], "probes": 3}', b""),
        (b'{"plans": [], "probes": []}', b"not a database"),
        (b"\xff", b""),
    ],
)
def test_sound_file_of_another_layout_is_a_miss(
    tmp_path: Path, compiled: list[RuleSet], header: bytes, database: bytes
) -> None:
    """Another version of the format, or of Vectorscan, under the same key."""
    program = cached_program(RULES, tmp_path)
    entry(tmp_path).write_bytes(rest_of(header, database))
    assert cached_program(RULES, tmp_path) == program
    assert compiled == [RULES, RULES]


def test_program_of_another_rule_set_under_this_name_is_a_miss(tmp_path: Path, compiled: list[RuleSet]) -> None:
    """A file that was renamed, or a stale one: its plans do not fit the rules."""
    other = RuleSet(RULES.rules[:1])
    cached_program(other, tmp_path)
    entry(tmp_path).rename(tmp_path / f"{cache._key(RULES, 'anchors').hex()}.program")
    assert cached_program(RULES, tmp_path) == compile_rules(RULES)
    assert compiled == [other, RULES]


def test_folder_that_cannot_be_written(tmp_path: Path, compiled: list[RuleSet]) -> None:
    """A file stands where the folder should be: slow, no error."""
    (tmp_path / "cache").write_text("")
    assert cached_program(RULES, tmp_path / "cache") == compile_rules(RULES)
    assert compiled == [RULES]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    """The same for a folder that is read-only."""
    tmp_path.chmod(0o500)
    assert cached_program(RULES, tmp_path) == compile_rules(RULES)


def test_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No temporary file stays where the last step fails."""

    def fails(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fails)
    assert cached_program(RULES, tmp_path) == compile_rules(RULES)
    assert list(tmp_path.iterdir()) == []


def test_bad_rules_are_no_cache_matter(tmp_path: Path) -> None:
    """The error comes through, and nothing is stored."""
    with pytest.raises(MisuseError, match="'bad': key regex"):
        cached_program(RuleSet((Rule("bad", regex="("),)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def write_often(folder: Path) -> None:
    """Store the same program again and again."""
    program = compile_rules(RULES)
    path = folder / f"{cache._key(RULES, 'anchors').hex()}.program"
    for _ in range(150):
        cache._write(path, cache._key(RULES, "anchors"), program)


def test_two_writers_and_a_reader(tmp_path: Path) -> None:
    """A reader finds the old file or the new one, never half of one; no temporary file stays."""
    program = cached_program(RULES, tmp_path)
    path = entry(tmp_path)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    reads = set()
    while any(writer.is_alive() for writer in writers):
        reads.add(cache._read(path, cache._key(RULES, "anchors")))
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert reads == {program}
    assert list(tmp_path.iterdir()) == [path]
