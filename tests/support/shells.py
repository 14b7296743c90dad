"""Commands in scripts of others: what they hand to `gossip`, and whether `gossip` would take it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import click

from gossip.flows.cli.main import cli

RECORDER = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done >>"$RECORD"
echo END >>"$RECORD"
exit "${GOSSIP_ANSWERS:-0}"
"""
_COMMAND = re.compile(r"(?:^|[\s;|&`\[])gossip ((?:[a-z][\w-]*)(?: [^\n`|;&>)]*)?)")


def recorder(folder: Path) -> Path:
    """A folder with a `gossip` that writes down what it is given, in the file that RECORD names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gossip").write_text(RECORDER)
    (folder / "gossip").chmod(0o755)
    return folder


def recorded(file: Path) -> list[list[str]]:
    """The calls that were written down."""
    calls: list[list[str]] = [[]]
    for line in file.read_text().splitlines() if file.exists() else []:
        if line == "END":
            calls.append([])
        else:
            calls[-1].append(line)
    return calls[:-1]


def accepts(words: list[str]) -> None:
    """Parse a command line of `gossip` as it would be, without running it. Raises click's error where it is wrong."""
    context = click.Context(cli, info_name="gossip")
    command = cli.get_command(context, words[0])
    assert command is not None, f"gossip has no command {words[0]}"
    command.make_context(words[0], list(words[1:]), parent=context)


def run_script(script: str, cwd: Path, shell: str = "bash", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script that must name its failures itself."""
    flags = ["--noprofile", "--norc", "-eo", "pipefail"] if shell == "bash" else ["-e"]
    return subprocess.run(
        [shutil.which(shell) or shell, *flags, "-c", script],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def commands_in(text: str) -> list[str]:
    """The `gossip COMMAND ...` of a text."""
    return [found.strip() for found in _COMMAND.findall(text)]
