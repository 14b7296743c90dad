"""Baselines over real repositories: known secrets stay known whatever happens around them, and new ones are found."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.support.cli import Ran, gossip
from tests.support.repo_base import RepoWriter, body
from tests.support.repos import plain_token

MAIN = "refs/heads/main"
FILES = {b"src/app.py": body(plain_token(1)), b"conf/db.ini": body(plain_token(2))}


class Desk:
    """A repository, its baseline, and the commands about them."""

    def __init__(self, folder: Path, rules: str) -> None:
        self.repo = folder / "repo"
        self.writer = RepoWriter.create(self.repo, bare=True)
        self.file = folder / "baseline"
        self._rules = rules
        self.first = self.writer.commit(FILES, ref=MAIN)

    def push(self, files: dict[bytes, bytes], *parents: str, ref: str = MAIN) -> str:
        """Write a commit and point a branch at it."""
        return self.writer.commit(files, parents or (self.first,), ref=ref)

    def baseline(self, command: str, *arguments: str) -> Ran:
        """`gossip baseline`."""
        return gossip("baseline", command, *arguments, str(self.repo), "-b", str(self.file), "--rules", self._rules)

    def scan(self, *arguments: str, known: bool = True) -> Ran:
        """`gossip scan` with the baseline."""
        of_baseline = ("--baseline", str(self.file)) if known else ()
        return gossip("scan", "-f", "jsonl", "--rules", self._rules, *of_baseline, *arguments, str(self.repo))

    @property
    def entries(self) -> list[list[str]]:
        """Lines of the baseline after its header."""
        return [line.split("\t") for line in self.file.read_text().splitlines()[1:]]


@pytest.fixture
def desk(tmp_path: Path, rules: str) -> Desk:
    """A repository with two secrets, which are in its baseline."""
    made = Desk(tmp_path, rules)
    assert made.baseline("create", "--reason", "from before").code == 0
    return made


def assert_quiet(ran: Ran, suppressed: int) -> None:
    """Nothing is reported, and the summary counts what was left out."""
    assert (ran.code, ran.findings) == (0, [])
    assert ran.summary["suppressed"]["baseline"] == suppressed
    assert ran.summary["findings"] == 0


def test_the_file(desk: Desk) -> None:
    """A header and a sorted line for each secret: hash, rule, first place, reason. No secret, no line number."""
    text = desk.file.read_text()
    assert re.fullmatch(r"# gossip baseline 1 key [0-9a-f]{64}", text.splitlines()[0])
    hashes = {found["path"]: found["secret_hash"] for found in desk.scan(known=False).findings}
    assert desk.entries == sorted([hashes[path], "token", path, "from before"] for path in hashes)
    assert "GSPTOKEN" not in text
    assert desk.baseline("create").code == 2


def test_edits_above(desk: Desk) -> None:
    """Fifty lines are added above."""
    assert_quiet(desk.scan(), 2)
    desk.push({path: b"# more\n" * 50 + data for path, data in FILES.items()})
    assert_quiet(desk.scan(), 4)


def test_a_renamed_file(desk: Desk) -> None:
    """The file has another name and other lines around the secret."""
    desk.push({b"lib/other.py": body(plain_token(1), "moved")})
    assert_quiet(desk.scan(), 3)


def test_squashed_history(desk: Desk) -> None:
    """All commits become one, with another id; nothing leads to the old ones."""
    old = desk.push({b"src/app.py": body(plain_token(1), "edited"), b"conf/db.ini": FILES[b"conf/db.ini"]})
    squashed = desk.writer.commit({b"src/app.py": body(plain_token(1), "edited"), **FILES}, (), ref=MAIN)
    assert squashed not in {desk.first, old}
    assert_quiet(desk.scan("--reachable-only"), 2)


def test_moved_to_another_file(desk: Desk) -> None:
    """Both secrets now stand in one new file; on another branch, too."""
    together = b"a = '" + plain_token(2) + b"'\n" + body(plain_token(1), "together")
    desk.push({b"all.env": together})
    desk.push({b"deep/er/all.env": together + b"\n"}, ref="refs/heads/other")
    assert_quiet(desk.scan(), 6)


def test_files_on_disk(desk: Desk, tmp_path: Path) -> None:
    """The same secret in a plain folder: another target, the same entry."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "copy.txt").write_bytes(b"\n\n" + FILES[b"src/app.py"])
    rules = str(tmp_path / "rules.toml")
    ran = gossip("scan", "-f", "jsonl", "--rules", rules, "--baseline", str(desk.file), str(folder))
    assert_quiet(ran, 1)


def test_a_new_secret_on_the_same_line(desk: Desk) -> None:
    """The same rule, file and line: one finding, and it is the new one."""
    desk.push({**FILES, b"src/app.py": body(plain_token(9))})
    ran = desk.scan()
    assert ran.code == 1
    (found,) = ran.findings
    assert (found["path"], found["line"], found["rule_id"]) == ("src/app.py", 3, "token")
    assert found["secret_hash"] not in {entry[0] for entry in desk.entries}
    assert ran.summary["suppressed"]["baseline"] == 2


def test_the_rule_counts(desk: Desk, tmp_path: Path) -> None:
    """Another rule that finds the same secret reports it."""
    other = tmp_path / "other.toml"
    other.write_text(Path(tmp_path / "rules.toml").read_text().replace('id = "token"', 'id = "other"'))
    ran = gossip("scan", "-f", "jsonl", "--rules", str(other), "--baseline", str(desk.file), str(desk.repo))
    assert (ran.code, len(ran.findings)) == (1, 2)


def test_a_changed_rule_keeps_its_entries(desk: Desk, tmp_path: Path) -> None:
    """A new fingerprint of the rule gives findings new ids, and the baseline does not care."""
    other = tmp_path / "other.toml"
    other.write_text(Path(tmp_path / "rules.toml").read_text().replace("confidence = 8", "confidence = 9"))
    ran = gossip("scan", "-f", "jsonl", "--rules", str(other), "--baseline", str(desk.file), str(desk.repo))
    assert_quiet(ran, 2)


def test_staged(tmp_path: Path, rules: str) -> None:
    """What a pre-commit hook scans is compared with the baseline, too; nothing is said of entries it cannot see."""
    writer = RepoWriter.create(tmp_path / "work")
    writer.commit({b"a.py": b"x\n"}, ref=MAIN)
    writer.checkout()
    (tmp_path / "work" / "b.py").write_bytes(body(plain_token(1)))
    writer.repo.index.add("b.py")
    writer.repo.index.write()
    work, file = str(tmp_path / "work"), str(tmp_path / "baseline")
    assert gossip("baseline", "create", work, "-b", file, "--rules", rules).code == 0
    ran = gossip("scan", "--staged", "--baseline", file, "--rules", rules, "-f", "jsonl", work)
    assert_quiet(ran, 1)
    assert ran.error_lines[-1] == "Baseline: 1 findings of 1 known secrets left out"


def test_a_baseline_in_its_own_repository(tmp_path: Path) -> None:
    """The built-in rules find nothing in it."""
    (tmp_path / "baseline").write_text(
        "\n".join(
            [
                f"# gossip baseline 1 key {hashlib.sha256(b'key').hexdigest()}",
                *(
                    f"{hashlib.sha256(b'%d' % n).hexdigest()}\tgeneric-api-key\tsecret_key.py\tpassword = x"
                    for n in range(50)
                ),
            ]
        )
    )
    assert gossip("scan", "-q", str(tmp_path)).code == 0


def test_entries_that_match_nothing(desk: Desk) -> None:
    """`check` names them and exits with 1, `scan` counts them, `update --prune` removes them; reasons stay."""
    assert desk.baseline("check").code == 0
    desk.writer.commit({b"src/app.py": FILES[b"src/app.py"], b"new.py": body(plain_token(3))}, (), ref=MAIN)
    desk.writer.forget(desk.writer.id_of(FILES[b"conf/db.ini"]))
    desk.writer.forget(desk.first)
    ran = desk.scan("--reachable-only")
    assert "1 of 2 entries match nothing (`gossip baseline check` names them)" in ran.error_lines[-1]
    checked = desk.baseline("check")
    assert checked.code == 1
    (line,) = checked.out.decode().splitlines()
    assert re.fullmatch(r"matches nothing: [0-9a-f]{12} token conf/db.ini: from before", line)
    assert "1 of 2 entries match nothing; 1 secrets are not known" in checked.error_lines[-1]
    assert desk.baseline("update", "--reason", "new").code == 0
    assert sorted(entry[2:] for entry in desk.entries) == [
        ["conf/db.ini", "from before"],
        ["new.py", "new"],
        ["src/app.py", "from before"],
    ]
    assert desk.baseline("update", "--prune").code == 0
    assert sorted(entry[2:] for entry in desk.entries) == [["new.py", "new"], ["src/app.py", "from before"]]
    before = desk.file.read_bytes()
    assert desk.baseline("update", "--prune").code == 0
    assert desk.file.read_bytes() == before
    assert desk.baseline("check").code == 0


def test_nothing_is_removed_by_an_incomplete_scan(desk: Desk) -> None:
    """What could not be read may hold what an entry is about."""
    desk.writer.forget(desk.writer.id_of(FILES[b"conf/db.ini"]))
    assert desk.baseline("update", "--prune").code == 3
    assert len(desk.entries) == 2
    assert desk.baseline("check").code == 3


def test_two_branches_add_to_it(desk: Desk, tmp_path: Path) -> None:
    """The lines of both sides, as Git's union merge leaves them, know the secrets of both."""
    desk.push({**FILES, b"left.py": body(plain_token(5))}, ref="refs/heads/left")
    assert desk.baseline("update").code == 0
    left = desk.file.read_text()
    desk.writer.repo.references.delete("refs/heads/left")
    desk.push({**FILES, b"right.py": body(plain_token(6))}, ref="refs/heads/right")
    assert desk.baseline("update").code == 0
    desk.file.write_text(left + desk.file.read_text())
    assert_quiet(desk.scan(), 4)
    assert desk.baseline("update").code == 0
    assert len(desk.entries) == 4


def test_under_a_state(desk: Desk, tmp_path: Path) -> None:
    """A state has a key of its own: another baseline's hashes mean nothing there, and that is said at once.

    Suppressed findings are in the lake all the same: a baseline says what is reported, not what is known.
    """
    state, rules = str(tmp_path / "state"), str(tmp_path / "rules.toml")
    wrong = desk.scan("--state", state)
    assert (wrong.code, wrong.out) == (2, b"")
    assert "made with another tenant key" in wrong.error_lines[-1]
    desk.file.unlink()
    key = str(tmp_path / "state" / "tenant.key")
    assert desk.baseline("create", "--tenant-key-file", key).code == 0
    assert_quiet(desk.scan("--state", state), 2)
    listed = gossip("findings", "--state", state, "-f", "jsonl")
    assert (listed.code, len(listed.records)) == (1, 2)
    assert (
        gossip("scan", "--rules", rules, "--tenant-key-file", key, "--baseline", str(desk.file), str(desk.repo)).code
        == 0
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--baseline", "nowhere"), "No such file"),
        (("--baseline", "FILE.csv", "-o", "FILE.csv"), "is the baseline too"),
    ],
)
def test_misuse(desk: Desk, arguments: tuple[str, ...], why: str) -> None:
    """Said before anything is scanned, and the file stays as it is."""
    before = desk.file.read_bytes()
    named = desk.file.rename(desk.file.with_suffix(".csv"))
    ran = desk.scan(*(argument.replace("FILE.csv", str(named)) for argument in arguments), known=False)
    assert ran.code == 2
    assert why in ran.error_lines[-1]
    assert named.read_bytes() == before


def imported(desk: Desk, text: str, *arguments: str) -> Ran:
    """Import a text into a baseline that is not there yet."""
    desk.file.unlink(missing_ok=True)
    source = desk.file.parent / "source"
    source.write_text(text)
    return gossip(
        "baseline", "import", str(source), str(desk.repo), "-b", str(desk.file), "--rules", str(desk.file.parent / "rules.toml"), *arguments
    )  # fmt: skip


def paths(desk: Desk) -> list[str]:
    """Places of the entries."""
    return sorted(entry[2] for entry in desk.entries)


def test_import_from_detect_secrets(desk: Desk) -> None:
    """Hashes are computed of what is found; one that nothing has is listed, and the exit code says so."""
    hashes = [hashlib.sha1(plain_token(n)).hexdigest() for n in (2, 7)]
    results = [{"type": "Keyword", "filename": "x.ini", "hashed_secret": text, "line_number": 40} for text in hashes]
    ran = imported(desk, json.dumps({"version": "1.5.0", "results": {"x.ini": results}}))
    assert ran.code == 1
    assert ran.out.decode().splitlines() == ["matches nothing: x.ini:40 Keyword: nothing found matches it"]
    assert ran.error_lines[-1].endswith("1 of 2 taken over, 1 secrets added")
    assert [entry[2:] for entry in desk.entries] == [["conf/db.ini", "left out for detect-secrets"]]


def test_import_from_gitleaks(desk: Desk) -> None:
    """Places become contents: after that the secret is known wherever it goes."""
    ran = imported(desk, f"{desk.first}:src/app.py:token:3\n{desk.first}:src/app.py:token:4\nconf/db.ini:other:3\n")
    assert ran.code == 1
    assert ran.out.decode().splitlines() == [
        f"matches nothing: {desk.first[:12]}:src/app.py:4 token: nothing found matches it"
    ]
    assert paths(desk) == ["conf/db.ini", "src/app.py"]
    desk.push({b"elsewhere": b"\n\n\n" + FILES[b"src/app.py"]})
    assert_quiet(desk.scan(), 3)
    report = [{"RuleID": "x", "File": "gone.py", "StartLine": 9, "Commit": "", "Secret": plain_token(1).decode()}]
    assert imported(desk, json.dumps(report), "--reason", "test value").code == 0
    assert [entry[2:] for entry in desk.entries] == [["src/app.py", "test value"]]
    assert b"GSPTOKEN" not in desk.file.read_bytes()


def test_import_from_the_others(desk: Desk) -> None:
    """Kingfisher by place, trufflehog by the secret, betterleaks by its digest; what was there stays."""
    yaml = "version: 2\nfingerprint_algorithm: kingfisher-v1\nrepositories:\n- id: local:///x\n  findings:\n  - {path: src/app.py, line: 3, rule_id: kingfisher.x, fingerprint: '1'}\n"  # fmt: skip
    assert imported(desk, yaml).code == 0
    assert paths(desk) == ["src/app.py"]
    place = {"Data": {"Filesystem": {"file": "/elsewhere/x", "line": 1}}}
    hog = {"SourceMetadata": place, "DetectorName": "X", "Raw": plain_token(2).decode()}
    assert imported(desk, json.dumps(hog) + "\n").code == 0
    assert paths(desk) == ["conf/db.ini"]
    source = desk.file.parent / "ignore"
    source.write_text(hashlib.sha256(plain_token(1)).hexdigest() + "\n")
    assert desk.baseline("import", str(source)).code == 0
    assert paths(desk) == ["conf/db.ini", "src/app.py"]
