"""`gossip findings`: list, show and judge."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gossip.flows.cli.lake import STORAGE_HELP
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gossip.schemas.triage import VerdictStatus

FORMATS = ("table", "jsonl", "csv")
STATUSES = ("open", "accepted", "fixed", "false", "unknown", "present", "removed", "reappeared", "retracted", "all")


_LAKE = ("state", "uri", "options")


def _in_lake(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a lake; those of the group hold for its commands too."""
    command = click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)(
        command
    )
    command = click.option("--lake", "uri", metavar="URI", help="Lake: a folder or s3://, gs://, abfs://.")(command)
    return click.option("--state", metavar="DIR", help="State folder whose lake it is.")(command)


@click.group(invoke_without_command=True)
@_in_lake
@click.option("--rule", "rules", multiple=True, metavar="GLOB", help="Only of these rules.")
@click.option("--level", "levels", multiple=True, type=click.Choice(["low", "medium", "high"]), help="Only this level.")
@click.option("--target", "targets", multiple=True, metavar="GLOB", help="Only in these targets.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Only with a place there: a glob, file or folder.")
@click.option("--author", "authors", multiple=True, metavar="TEXT", help="Only with a place by them: name or address.")
@click.option("--since", metavar="DATE", help="Only introduced on DATE or later.")
@click.option("--until", metavar="DATE", help="Only introduced on DATE or before.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Default: open. See below.")
@click.option("--limit", type=click.IntRange(0), help="Rows at most; default: 100 in a table, 0: all.")
@click.option("-f", "--format", "fmt", type=click.Choice(FORMATS), help="Default: table on a terminal, else jsonl.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, format by extension.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0, not 1, when there are findings.")
@click.pass_context
def findings(ctx: click.Context, /, **values: Any) -> None:
    """List the findings of a lake, one row a secret with all its places, oldest first.

    --status: open, accepted, fixed and false are what people decided; present, removed, reappeared, retracted and
    unknown are what scans know of the head. Of each kind any of those given will do. Without it: open, not retracted.

    Exit code 0: none; 1: some, whatever --limit shows; 2: bad usage.
    """
    if ctx.invoked_subcommand is not None:
        _only_names_a_lake(ctx)
        return
    from gossip.flows.cli.triaging import list_findings

    sys.exit(list_findings(values))


def _only_names_a_lake(ctx: click.Context) -> None:
    """Raises MisuseError for a filter in front of a command, which would not heed it."""
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and name not in _LAKE:
            raise MisuseError(f"{parameter.opts[0]} is for the list of findings, not for {ctx.invoked_subcommand}")


@findings.command()
@click.argument("finding", metavar="ID")
@_in_lake
@click.option("--rules", "rules_file", metavar="FILE", help="Rules that say how to rotate; default: built in.")
@click.option(
    "-f", "--format", "fmt", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of stdout."
)
@click.pass_context
def show(ctx: click.Context, /, finding: str, **values: Any) -> None:
    """All about one finding: places, commits, who, whether it is still in the head, and how to rotate it.

    ID is a finding's id, or at least its first 8 digits.
    """
    from gossip.flows.cli.triaging import show_finding

    show_finding(finding, _with_parent(ctx, values))


def _judging(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--author", metavar="NAME", help="Who decides; default: the name of the login.")(command)
    return click.argument("ids", nargs=-1, required=True, metavar="ID...")(_in_lake(command))


@findings.command()
@_judging
@click.option("--reason", required=True, help="Why it is left as it is.")
@click.option("--until", metavar="DATE", help="Open again after DATE.")
@click.pass_context
def accept(ctx: click.Context, /, **values: Any) -> None:
    """Leave findings as they are, for a reason, and maybe until a date."""
    _judge(ctx, values, "accepted")


@findings.command()
@_judging
@click.option("--reason", default="", help="What was done.")
@click.pass_context
def fix(ctx: click.Context, /, **values: Any) -> None:
    """Say that a secret was revoked or replaced, so that its copies are worthless."""
    _judge(ctx, values, "fixed")


@findings.command("false")
@_judging
@click.option("--reason", required=True, help="Why it is no secret.")
@click.pass_context
def false_(ctx: click.Context, /, **values: Any) -> None:
    """Say that findings are no secrets."""
    _judge(ctx, values, "false")


@findings.command()
@_judging
@click.option("--reason", default="", help="Why.")
@click.pass_context
def reopen(ctx: click.Context, /, **values: Any) -> None:
    """Take back what was said of findings: they are open again."""
    _judge(ctx, values, "open")


def _judge(ctx: click.Context, values: dict[str, Any], status: VerdictStatus) -> None:
    from gossip.flows.cli.triaging import judge

    judge(_with_parent(ctx, values), status)


def _with_parent(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """`gossip findings --state DIR show ID` means what `gossip findings show ID --state DIR` does."""
    above = ctx.parent.params if ctx.parent is not None else {}
    return values | {name: values[name] or above.get(name) for name in _LAKE}
