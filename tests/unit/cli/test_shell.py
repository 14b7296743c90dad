"""Completion, as shells do it, and the manual page, as `man` shows it: all of both comes from the commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from gossip.flows.cli.completing import source, walk
from gossip.flows.cli.main import COMMANDS, cli
from gossip.flows.cli.manual import page
from tests.support.cli import environment, gossip

if TYPE_CHECKING:
    from pathlib import Path

ASK = """
{source}
compopt() {{ echo "compopt $1 $2"; }}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_gossip_completion gossip
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def every_command() -> dict[str, click.Context]:
    """All commands by their full names."""
    found: dict[str, click.Context] = {}
    walk(cli, "gossip", click.Context(cli, info_name="gossip"), found.__setitem__)
    return found


def completed(words: str, folder: Path) -> list[str]:
    """What bash would offer for a line; the last word is incomplete."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "gossip").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gossip "$@"\n')
    (programs / "gossip").chmod(0o755)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", ASK.format(source=source("bash"), words=words)],
        env={**environment(), "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.skipif(shutil.which("bash") is None, reason="asks bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gossip ''", list(COMMANDS)),
        ("gossip inst", ["install-hook"]),
        ("gossip hook ''", ["pre-commit", "pre-push", "pre-receive"]),
        ("gossip completion z", ["zsh"]),
        ("gossip scan --dec", ["--decode", "--decode-depth"]),
        ("gossip scan --decode an", ["anchors"]),
        ("gossip scan --rules ''", ["compopt -o default", ""]),
        ("gossip scan ''", ["compopt -o default", ""]),
        ("gossip watch conf --state ''", ["compopt -o dirnames", ""]),
        ("gossip rules sh", ["show"]),
        ("gossip scan --min-confidence ''", [""]),
    ],
)
def test_bash(words: str, offered: list[str], tmp_path: Path) -> None:
    """Commands, options, choices, and files where values are paths."""
    assert completed(words, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_other_shells(shell: str) -> None:
    """Each shell gets a script that asks `gossip` in its way, and reads it where it is installed."""
    ran = gossip("completion", shell)
    text = ran.out.decode()
    assert (ran.code, ran.err) == (0, b"")
    assert f"_GOSSIP_COMPLETE={shell}_complete" in text
    if shutil.which(shell) is not None:
        done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_every_command_and_option_is_in_the_manual() -> None:
    """None is missing, and each has words."""
    text = page().replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")
    for name, context in every_command().items():
        if name == "gossip":
            continue
        assert f'\n.SS "{name}"\n' in text
        part = text.partition(f'\n.SS "{name}"\n')[2].partition("\n.SS ")[0]
        assert context.command.help, name
        for param in context.command.params:
            if isinstance(param, click.Option) and not param.hidden:
                assert param.help, f"{name} {param.opts}"
                assert param.opts[-1] in part
                assert " ".join(param.help.split())[:40] in part


@pytest.mark.skipif(shutil.which("groff") is None, reason="reads it with groff")
def test_the_manual_is_sound() -> None:
    """Groff warns of nothing, and shows what was said."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-ww", "-P-c", "-rLL=100n"],
        input=page(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(".\b", "", done.stdout)
    assert "--min-confidence INTEGER RANGE" in shown
    assert "\n       gossip - find leaked secrets in things that keep changing\n" in shown
    assert 'eval "$(gossip completion bash)"' in shown


def test_the_manual_in_a_file(tmp_path: Path) -> None:
    """The same page."""
    file = tmp_path / "gossip.1"
    ran = gossip("man", "--output", str(file))
    assert (ran.code, ran.out, ran.err) == (0, b"", b"")
    assert file.read_text() == gossip("man").out.decode() == page()
