"""Where hooks are put, what becomes of those that were there, and how they are taken away."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pygit2
import pytest

from gossip.flows.cli.hookfile import ASIDE, CHAINED, Installer, is_ours, script, script_options
from gossip.flows.cli.hooking import split_paths
from gossip.schemas.errors import MisuseError
from tests.support.cli import gossip

if TYPE_CHECKING:
    from pathlib import Path

OTHER = '#!/bin/sh\ncat\necho other "$@"\nexit ${OTHER:-0}\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository with a worktree."""
    pygit2.init_repository(str(tmp_path / "repo"), initial_head="main")
    return tmp_path / "repo"


def other_hook(file: Path) -> None:
    """A hook that somebody else made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(OTHER)
    file.chmod(0o755)


def test_install_renew_remove(repository: Path) -> None:
    """Once more renews; removal leaves nothing."""
    hooks = repository / ".git/hooks"
    before = sorted(os.listdir(hooks))
    file = hooks / "pre-commit"
    installer = Installer(str(repository))
    assert installer.install("pre-commit", [], append=False, force=False) == [f"installed {file}"]
    assert installer.install("pre-commit", ["--rules=a b"], append=False, force=False) == [f"renewed {file}"]
    assert file.stat().st_mode & 0o777 == 0o755
    assert "'--rules=a b'" in file.read_text()
    assert installer.remove("pre-commit") == [f"removed {file}"]
    assert installer.remove("pre-commit") == [f"there is no {file}"]
    assert sorted(os.listdir(hooks)) == before


@pytest.mark.parametrize(
    ("how", "suffix", "said"),
    [("append", CHAINED, "runs first, from"), ("force", ASIDE, "is kept, and not run, in")],
)
def test_a_hook_that_was_there(how: str, suffix: str, said: str, repository: Path) -> None:
    """It is refused, or run first, or put aside; and put back in the end."""
    file = repository / ".git/hooks/pre-push"
    other_hook(file)
    installer = Installer(str(repository))
    with pytest.raises(MisuseError) as error:
        installer.install("pre-push", [], append=False, force=False)
    assert str(error.value) == (
        f"{file}: there is a hook already; --append runs it before Gossip's, --force puts it aside"
    )
    with pytest.raises(MisuseError, match="not made by Gossip; it stays"):
        installer.remove("pre-push")
    aside = file.with_name("pre-push" + suffix)
    chosen = {"append": how == "append", "force": how == "force"}
    assert installer.install("pre-push", [], **chosen) == [
        f"the hook that was there {said} {aside}",
        f"installed {file}",
    ]
    assert installer.install("pre-push", [], append=False, force=False) == [f"renewed {file}"]
    assert (aside.read_text(), is_ours(file)) == (OTHER, True)
    assert installer.remove("pre-push") == [f"removed {file}", f"put back what was there before, from {aside}"]
    assert file.read_text() == OTHER
    assert not aside.exists()


def test_the_hook_before_gets_the_same_input_and_may_refuse(repository: Path) -> None:
    """Arguments and standard input reach both; what the first refuses is refused."""
    file = repository / ".git/hooks/pre-push"
    other_hook(file)
    Installer(str(repository)).install("pre-push", [], append=True, force=False)
    zeros, lines = "0" * 40, []
    lines.append(f"(delete) {zeros} refs/heads/x {'1' * 40}")

    def run(**variables: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [str(file), "origin", "url"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            cwd=repository,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    assert run() == (0, lines[0] + "\nother origin url\n", "")
    assert run(OTHER="7") == (7, lines[0] + "\nother origin url\n", "")


def test_the_folder_of_hooks(repository: Path, tmp_path: Path) -> None:
    """core.hooksPath, relative to where hooks run; bare repositories; linked worktrees share their hooks."""
    assert Installer(str(repository)).folder == repository / ".git/hooks"
    pygit2.Repository(str(repository)).config["core.hooksPath"] = "tools/hooks"
    assert Installer(str(repository)).folder == repository / "tools/hooks"
    pygit2.Repository(str(repository)).config["core.hooksPath"] = str(tmp_path / "elsewhere")
    installer = Installer(str(repository))
    assert installer.install("pre-commit", [], append=False, force=False) == [
        f"installed {tmp_path}/elsewhere/pre-commit"
    ]
    pygit2.init_repository(str(tmp_path / "bare.git"), bare=True)
    assert Installer(str(tmp_path / "bare.git")).folder == tmp_path / "bare.git/hooks"


def test_a_folder_that_all_repositories_share(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting of the user's is not taken for one of the repository's."""
    shared = tmp_path / "shared"
    (tmp_path / ".gitconfig").write_text(f"[core]\n\thooksPath = {shared}\n")
    level = pygit2.enums.ConfigLevel.GLOBAL
    before = pygit2.settings.search_path[level]
    monkeypatch.setenv("HOME", str(tmp_path))
    pygit2.settings.search_path[level] = str(tmp_path)
    try:
        installer = Installer(str(repository))
        with pytest.raises(MisuseError, match="all your repositories share it"):
            installer.install("pre-commit", [], append=False, force=False)
        assert installer.install("pre-commit", [], append=False, force=True) == [f"installed {shared}/pre-commit"]
    finally:
        pygit2.settings.search_path[level] = before


def test_options_are_written_into_the_hook() -> None:
    """Given ones alone, as words that a shell reads back; files by their full path."""
    values = {
        "rules": "my rules.toml",
        "enabled_rules": ("a", "tag:b c"),
        "min_confidence": 0,
        "max_mib": 3,
        "report_only": True,
        "accept_incomplete": False,
    }
    words = script_options(values)
    assert words == [
        "--enable-rule=a",
        "--enable-rule=tag:b c",
        "--max-mib=3",
        "--report-only",
        f"--rules={os.path.abspath('my rules.toml')}",
    ]
    text = script("pre-receive", words)
    assert shlex.join(["pre-receive", *words]) in text
    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0


def test_the_command(repository: Path, tmp_path: Path) -> None:
    """Several types at once; misuse; removal."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rules]]\nid = 'a'\nregex = 'GSP[0-9]{9}'\n")
    hooks = f"{repository}/.git/hooks"
    both = ("--type", "pre-commit", "--type", "pre-push")
    ran = gossip("install-hook", str(repository), "--rules", str(rules), *both)
    assert (ran.code, ran.err) == (0, b"")
    assert ran.out.decode() == f"installed {hooks}/pre-commit\ninstalled {hooks}/pre-push\n"
    ran = gossip("install-hook", str(repository), "--remove", *both)
    assert ran.out.decode() == f"removed {hooks}/pre-commit\nremoved {hooks}/pre-push\n"
    ran = gossip("install-hook", str(repository), "--remove", "--force")
    assert (ran.code, ran.error_lines) == (2, ["gossip: --append, --force and --remove exclude each other"])
    ran = gossip("install-hook", str(tmp_path / "none"))
    assert (ran.code, ran.out) == (2, b"")


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("/a", ["/a"]),
        ("/a:/b c:/d", ["/a", "/b c", "/d"]),
        ('"/a:b":/c', ["/a:b", "/c"]),
        (r'"/\"\\\t\303\244"', ['/"\\\t\u00e4']),
    ],
)
def test_lists_of_paths(text: str, paths: list[str]) -> None:
    """As Git writes and reads them."""
    assert split_paths(text) == paths
