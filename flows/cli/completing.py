"""Shell completion. The shell asks `gossip` itself, so it completes what this version has; files where options take
them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

if TYPE_CHECKING:
    from collections.abc import Callable

_PATHS = frozenset({"CONFIG", "DIR", "FILE", "FILE...", "REPO", "TARGET", "TARGET...", "[REPO]", "URI"})
"""What options and arguments call their values that are, or may be, paths."""


def source(shell: str) -> str:
    """The script for a shell: it runs `gossip` when somebody presses Tab."""
    from gossip.flows.cli.main import VARIABLE, cli

    made = get_completion_class(shell)
    assert made is not None, "click knows the shells that the command takes"
    return made(cli, {}, "gossip", VARIABLE).source()


def complete_paths(command: click.Command) -> click.Command:
    """The same command, whose parameters complete to files where their values are paths."""
    for param in command.params:
        called = param.metavar or ""
        if called in _PATHS and isinstance(param.type, type(click.STRING)):
            param.shell_complete = partial(_path, called)  # type: ignore[method-assign]
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            complete_paths(inner)
    return command


def _path(called: str, _context: click.Context, incomplete: str) -> list[CompletionItem]:
    """The shell is told to complete a path itself."""
    return [CompletionItem(incomplete, type="dir" if called == "DIR" else "file")]


def walk(
    command: click.Command, name: str, context: click.Context, visit: Callable[[str, click.Context], None]
) -> None:
    """Call `visit` with the full name and a context of a command and of every command below it, in order."""
    here = click.Context(
        command, context if context.command is not command else None, info_name=name.rsplit(" ", maxsplit=1)[-1]
    )
    visit(name, here)
    if isinstance(command, click.Group):
        for inner in command.list_commands(here):
            found = command.get_command(here, inner)
            if found is not None and not found.hidden:
                walk(found, f"{name} {inner}", here, visit)
