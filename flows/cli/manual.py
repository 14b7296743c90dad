"""The manual page: what the commands say of themselves, as roff."""

from __future__ import annotations

import re
from inspect import cleandoc

import click

import gossip
from gossip.flows.cli.completing import walk
from gossip.flows.cli.main import cli

EXIT_CODES = (
    ("0", "Complete and clean; or the reader of standard output left."),
    ("1", "Complete, with findings."),
    ("2", "Bad usage or configuration."),
    ("3", "Incomplete: something could not be scanned, and the summary names it."),
    ("4", "Internal failure, or an output that failed."),
)
ENVIRONMENT = (
    ("GOSSIP_CACHE_DIR", "Where compiled rules are kept; default: gossip in the user's cache folder."),
    ("GOSSIP_GIT_TOKEN, GOSSIP_GIT_USER, GOSSIP_GIT_SSH_KEY", "Logins for repositories on a server."),
    ("NO_COLOR", "If set, nothing is coloured."),
)


def page() -> str:
    """The whole page, with a line end after each line."""
    lines = [
        f'.TH GOSSIP 1 "" "gossip {escaped(gossip.__version__)}" "User Commands"',
        ".SH NAME",
        "gossip \\- find leaked secrets in things that keep changing",
        ".SH SYNOPSIS",
        ".B gossip",
        "[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...",
        ".SH COMMANDS",
    ]

    def visit(name: str, context: click.Context) -> None:
        lines.extend(_command(name, context))

    root = click.Context(cli, info_name="gossip")
    for inner in cli.list_commands(root):
        found = cli.get_command(root, inner)
        if found is not None:
            walk(found, f"gossip {inner}", root, visit)
    lines += [".SH EXIT STATUS", *_table(EXIT_CODES), ".SH ENVIRONMENT", *_table(ENVIRONMENT)]
    return "\n".join(lines) + "\n"


def _command(name: str, context: click.Context) -> list[str]:
    command = context.command
    lines = [f'.SS "{escaped(name)}"', f".B {escaped(name)}", escaped(" ".join(command.collect_usage_pieces(context)))]
    lines += _prose(command.help or "")
    for param in command.params:
        record = None if getattr(param, "hidden", False) else param.get_help_record(context)
        if record is not None and record[1]:  # what an argument is, the text above says
            lines += _table([record])
    return lines


def _prose(text: str) -> list[str]:
    r"""Paragraphs; those that click would leave as they are (`\b`) keep their lines."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", cleandoc(text)):
        lines.append(".PP")
        if paragraph.startswith("\b"):
            lines += [".nf", *map(escaped, paragraph.lstrip("\b\n").splitlines()), ".fi"]
        else:
            lines.append(escaped(" ".join(paragraph.split())))
    return lines


def _table(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> list[str]:
    return [
        line for term, text in rows for line in (".TP", f"\\fB{escaped(term)}\\fR", escaped(" ".join(text.split())))
    ]


def escaped(text: str) -> str:
    r"""Text that roff shows as it is.

    >>> escaped("-o a\\b"), escaped(".gitignore")
    ('\\-o a\\eb', '\\&.gitignore')
    """
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text
