"""Hooks as Git runs them: what is refused, what is said, and what passes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import environment, gossip
from tests.support.hooks import Did, clone, commit, git, install, needs_git, rev, secret, without_gossip, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_git

ADVICE_COMMIT = """
If it is real: take it out of the file, stage the file again, and revoke it if anybody else has seen it.
If it is not: put a comment with gossip:allow on its line.
git commit --no-verify skips this check, and every other.
"""


def staged(place: str) -> str:
    """All that a refused commit says about one token."""
    return (
        f"gossip: 1 secret in what is staged; nothing was committed\n\n  {place}  token, high  GSP...(15)\n"
        + ADVICE_COMMIT
    )


def advice(what: str) -> list[str]:
    """The last lines of a refused push."""
    found = [
        "If it is real: revoke it, and take it out of these commits (git rebase -i): a later commit does not remove it.",
        "If it is not: put a comment with gossip:allow on its line.",
    ]
    return found if what == "this push" else [*found, "git push --no-verify skips this check, and every other."]


def push(local: Path, *arguments: str) -> Did:
    """Push, past the local hook."""
    return git(local, "push", "--no-verify", "origin", *arguments, may_fail=True)


def test_a_commit_with_a_secret_is_refused(tmp_path: Path, rules: str) -> None:
    """What is staged counts, not what is on disk; what is allowed passes."""
    _, local = clone(tmp_path)
    assert install(local, rules) == [f"installed {local}/.git/hooks/pre-commit"]
    write(local, "src/a.py", "# first\n" + secret(1))
    (local / "src/a.py").write_text("harmless\n")
    assert git(local, "commit", "-m", "a", may_fail=True) == Did(1, staged("src/a.py:2:7"))
    write(local, "src/a.py", secret(1).rstrip() + "  # gossip:allow\n")
    assert git(local, "commit", "-q", "-m", "a") == Did(0, "")


@pytest.mark.parametrize("how", [["-a"], ["a.py"], ["--include", "a.py"]])
def test_a_commit_with_an_index_of_its_own(how: list[str], tmp_path: Path, rules: str) -> None:
    """`git commit -a` and `git commit FILE` do not use the repository's index."""
    _, local = clone(tmp_path)
    commit(local, "a.py", "harmless\n")
    install(local, rules)
    (local / "a.py").write_text(secret(1))
    assert git(local, "commit", "-m", "a", *how, may_fail=True) == Did(1, staged("a.py:1:7"))


def test_a_commit_in_a_linked_worktree_and_without_a_git_folder(tmp_path: Path, rules: str) -> None:
    """The hook of the repository serves its worktrees, and a Git folder that is named by a variable."""
    _, local = clone(tmp_path)
    install(local, rules)
    other = tmp_path / "other"
    git(local, "worktree", "add", "-q", str(other), "-b", "side")
    write(other, "b.py", secret(2))
    assert git(other, "commit", "-m", "b", may_fail=True) == Did(1, staged("b.py:1:7"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "c.py").write_text(secret(3))
    apart = {"GIT_DIR": str(local / ".git"), "GIT_WORK_TREE": str(work)}
    git(work, "add", "c.py", **apart)
    assert git(work, "commit", "-m", "c", may_fail=True, **apart) == Did(1, staged("c.py:1:7"))


def test_a_push_is_refused_by_the_server(tmp_path: Path, rules: str) -> None:
    """Whole output; nothing has moved; the same push without the commit passes."""
    server, local = clone(tmp_path)
    assert install(server, rules, "--type", "pre-receive") == [f"installed {server}/hooks/pre-receive"]
    before = rev(server, "main")
    good = commit(local, "a.py", "harmless\n")
    bad = commit(local, "conf/app.ini", secret(1))
    last = commit(local, "conf/app.ini", "clean\n")
    refused = push(local, "main")
    assert refused.code == 1
    assert refused.remote == [
        "gossip: 1 secret in this push; it was refused",
        "",
        "  conf/app.ini:1:7  token, high  GSP...(15)",
        f"    in commit {bad[:12]}, Ada Example, 2026-03-01",
        "",
        *advice("this push"),
    ]
    assert rev(server, "main") == before != last
    assert push(local, f"{good}:refs/heads/main").code == 0
    assert rev(server, "main") == good


def test_what_the_server_has_is_not_scanned_again(tmp_path: Path, rules: str) -> None:
    """A secret that was accepted once stops nobody: branches on top, moved files, merges, deletions and tags pass."""
    server, local = clone(tmp_path)
    old = commit(local, "a.py", secret(1))
    git(local, "push", "-q", "origin", "main")
    install(server, rules, "--type", "pre-receive")
    git(local, "mv", "a.py", "moved.py")
    git(local, "commit", "-q", "-m", "move")
    git(local, "checkout", "-q", "-b", "side", f"{old}~1")
    commit(local, "b.py", "harmless\n")
    git(local, "merge", "-q", "-m", "merge", "main")
    git(local, "tag", "-a", "-m", "v1", "v1")
    passed = push(local, "main", "side", "v1", f"{old}:refs/heads/copy")
    assert (passed.code, passed.remote) == (0, [])
    gone = push(local, "--delete", "side", "v1", "copy")
    assert (gone.code, gone.remote) == (0, [])


def test_what_no_ref_of_the_server_leads_to_is_new(tmp_path: Path, rules: str) -> None:
    """A branch that was deleted, because of the secret in it, and is pushed again by somebody who still has it."""
    server, local = clone(tmp_path)
    git(local, "checkout", "-q", "-b", "leaky")
    commit(local, "a.py", secret(1))
    git(local, "push", "-q", "origin", "leaky")
    git(local, "push", "-q", "origin", "--delete", "leaky")
    install(server, rules, "--type", "pre-receive")
    assert push(local, "leaky").remote[2] == "  a.py:1:7  token, high  GSP...(15)"


def test_refs_that_are_no_branches(tmp_path: Path, rules: str) -> None:
    """Notes, and a tag that names a blob."""
    server, local = clone(tmp_path)
    install(server, rules, "--type", "pre-receive")
    git(local, "notes", "add", "-m", secret(1))
    notes = push(local, "refs/notes/commits")
    assert notes.code == 1
    assert notes.remote[2].endswith(":1:7  token, high  GSP...(15)")
    (local / "x").write_text(secret(2))
    git(local, "add", "x")
    git(local, "tag", "blob", rev(local, ":x"))
    assert push(local, "blob").remote[0] == "gossip: 1 secret in this push; it was refused"


def test_one_secret_in_many_places_is_said_once(tmp_path: Path, rules: str) -> None:
    """The first place, three more, and how many there are."""
    server, local = clone(tmp_path)
    install(server, rules, "--type", "pre-receive")
    for number in range(6):
        commit(local, f"{number}.py", f"# {number}\n" + secret(1))
    refused = push(local, "main").remote
    assert [line for line in refused if line.startswith("  ") and "commit" not in line] == [
        "  0.py:2:7  token, high  GSP...(15)",
        "    also 1.py:2:7",
        "    also 2.py:2:7",
        "    also 3.py:2:7",
        "    and in 2 more places",
    ]


def test_a_push_over_the_limits_is_refused_and_may_be_let_through(tmp_path: Path, rules: str) -> None:
    """Limits bound what a push costs; who set them decides what becomes of larger ones."""
    server, local = clone(tmp_path)
    install(server, rules, "--type", "pre-receive", "--max-objects", "2")
    for number in range(4):
        commit(local, f"{number}.py", f"{number}\n")
    refused = push(local, "main")
    assert refused.code == 1
    assert refused.remote == [
        "gossip: this push could not be scanned in full; it was refused",
        "  push-limit: the push: 2 of 4 new files: over the limit of 2",
    ]
    install(server, rules, "--type", "pre-receive", "--max-objects", "2", "--accept-incomplete")
    assert push(local, "main").remote == [
        "gossip: this push could not be scanned in full",
        "  push-limit: the push: 2 of 4 new files: over the limit of 2",
    ]
    install(server, rules, "--type", "pre-receive", "--max-mib", "1")
    commit(local, "big.txt", "x" * (1 << 20))
    commit(local, "after.txt", "y")
    assert push(local, "main").remote[1] == "  push-limit: the push: 1 new files: over the limit of bytes"


def test_a_hook_that_only_reports(tmp_path: Path, rules: str) -> None:
    """--report-only says it and lets it pass."""
    server, local = clone(tmp_path)
    install(server, rules, "--type", "pre-receive", "--report-only")
    commit(local, "a.py", secret(1))
    passed = push(local, "main")
    assert passed.code == 0
    assert passed.remote[:3] == ["gossip: 1 secret in this push", "", "  a.py:1:7  token, high  GSP...(15)"]


def test_what_a_baseline_knows_passes(tmp_path: Path, rules: str) -> None:
    """By content, wherever it moves; a new secret beside it does not."""
    server, local = clone(tmp_path)
    commit(local, "a.py", secret(1))
    baseline = tmp_path / "known"
    made = gossip("baseline", "create", str(local), "--rules", rules, "--baseline", str(baseline))
    assert made.code == 0, made.err
    git(local, "reset", "-q", "--hard", "HEAD~1")
    install(server, rules, "--type", "pre-receive", "--baseline", str(baseline))
    commit(local, "moved/b.py", "# more\n" + secret(1))
    assert push(local, "main").code == 0
    commit(local, "moved/b.py", secret(1) + secret(2))
    refused = push(local, "main").remote
    assert refused[2] == "  moved/b.py:2:7  token, high  GSP...(15)"
    assert refused[-1] == f"If it is not: put a comment with gossip:allow on its line, or add it to {baseline}."


def test_before_a_push_only_what_the_remote_lacks(tmp_path: Path, rules: str) -> None:
    """A new branch costs its own commits; what the remote has, has passed."""
    _, local = clone(tmp_path)
    commit(local, "old.py", secret(1))
    git(local, "push", "-q", "origin", "main")
    install(local, rules, "--type", "pre-push")
    git(local, "checkout", "-q", "-b", "topic")
    commit(local, "b.py", "harmless\n")
    assert git(local, "push", "-q", "origin", "topic").code == 0
    bad = commit(local, "c.py", secret(2))
    refused = git(local, "push", "-q", "origin", "topic", may_fail=True)
    assert refused.code == 1
    assert refused.err.splitlines()[:-1] == [
        "gossip: 1 secret in what is pushed; nothing was pushed",
        "",
        "  c.py:1:7  token, high  GSP...(15)",
        f"    in commit {bad[:12]}, Ada Example, 2026-03-01",
        "",
        *advice("what is pushed"),
    ]
    assert git(local, "push", "-q", "origin", "--delete", "topic").code == 0


def test_a_hundred_commits_are_answered(tmp_path: Path, rules: str) -> None:
    """Every one of them is scanned: the secret of the fiftieth is found, and nothing else is said."""
    server, local = clone(tmp_path)
    install(server, rules, "--type", "pre-receive")
    for number in range(100):
        commit(local, "a.py", secret(1) if number == 49 else f"{number}\n")
    bad = rev(local, "HEAD~50")
    assert push(local, "main").remote[2:4] == [
        "  a.py:1:7  token, high  GSP...(15)",
        f"    in commit {bad[:12]}, Ada Example, 2026-03-01",
    ]


def test_the_python_of_a_hook_is_gone(tmp_path: Path, rules: str) -> None:
    """Then `gossip` on PATH does it; without that the hook says what to do, and refuses."""
    _, local = clone(tmp_path)
    install(local, rules)
    file = local / ".git/hooks/pre-commit"
    file.write_text(file.read_text().replace(sys.executable, "/gone/python"))
    write(local, "a.py", secret(1))
    refused = git(local, "commit", "-m", "a", may_fail=True, PATH=without_gossip())
    assert refused == Did(
        1,
        "gossip: the Python that this hook was installed with is gone (/gone/python), and there is no gossip on PATH.\n"
        "gossip: install Gossip and run: gossip install-hook --type pre-commit; or take the hook away: "
        'rm ".git/hooks/pre-commit"\n',
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "gossip").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m gossip "$@"\n')
    (programs / "gossip").chmod(0o755)
    path = f"{programs}:{without_gossip()}"
    assert git(local, "commit", "-m", "a", may_fail=True, PATH=path) == Did(1, staged("a.py:1:7"))


def test_a_repository_cannot_bring_code_for_its_hook(tmp_path: Path, rules: str) -> None:
    """Modules in the worktree are not what the hook imports."""
    _, local = clone(tmp_path)
    install(local, rules)
    for name in ("gossip/__init__.py", "click.py", "json.py"):
        write(local, name, "raise SystemExit(0)\n")
    write(local, "a.py", secret(1))
    assert git(local, "commit", "-m", "a", may_fail=True) == Did(1, staged("a.py:1:7"))


def test_before_a_push_as_the_framework_runs_it(tmp_path: Path, rules: str) -> None:
    """pre-commit, the framework, names the commits by variables and writes nothing to standard input."""
    _, local = clone(tmp_path)
    old = rev(local)
    commit(local, "a.py", secret(1))
    pushed = {"PRE_COMMIT_FROM_REF": old, "PRE_COMMIT_TO_REF": rev(local), "PRE_COMMIT_REMOTE_NAME": "origin"}
    first = {"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main", "PRE_COMMIT_REMOTE_NAME": "none"}
    for variables, what in ((pushed, 1), (first, 1), (pushed | {"PRE_COMMIT_TO_REF": old}, 0)):
        done = subprocess.run(
            [sys.executable, "-m", "gossip", "hook", "pre-push", "--rules", rules],
            cwd=local,
            env={**environment(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "  a.py:1:7  token, high  GSP...(15)" in done.stderr.splitlines()) == (
            what,
            bool(what),
        )


def test_what_git_does_not_write_is_refused(tmp_path: Path, rules: str) -> None:
    """Misuse, not silence."""
    server, _ = clone(tmp_path)
    ran = gossip("hook", "pre-receive", "--rules", rules, stdin=b"nonsense\n", cwd=server)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.error_lines == [
        "gossip: line 1 of standard input: Git writes <old id> <new id> <ref> there; is this run by Git?"
    ]
    ran = gossip("hook", "pre-receive", "--rules", rules, stdin=b"", cwd=server)
    assert (ran.code, ran.out, ran.err) == (0, b"", b"")
