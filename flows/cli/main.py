"""`gossip`: the group of commands. Nothing heavier than click is imported until a command runs."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

import gossip
from gossip.flows.cli.streams import hold_streams, reader_may_leave, say, silence
from gossip.schemas.errors import GossipError, MisuseError
from gossip.schemas.summary import EXIT_INTERNAL, EXIT_MISUSE

COMMANDS = MappingProxyType(
    {
        "baseline": (
            "gossip.flows.cli.baseline:baseline",
            "Keep known secrets in a file, so that scans leave them out.",
        ),
        "completion": ("gossip.flows.cli.shell:completion", "Print what makes a shell complete gossip."),
        "eval": ("gossip.flows.cli.eval_:evaluate", "Measure findings against labels."),
        "explain": ("gossip.flows.cli.explain:explain", "Say why a line is a finding, or none."),
        "findings": ("gossip.flows.cli.findings:findings", "List findings to act on, one a secret, and judge them."),
        "hook": ("gossip.flows.cli.hook:hook", "Scan a commit or a push; Git runs it."),
        "install-hook": ("gossip.flows.cli.hook:install_hook", "Make Git run Gossip before commits and pushes."),
        "lake": ("gossip.flows.cli.lake:lake", "Compact, vacuum and verify the lake."),
        "man": ("gossip.flows.cli.shell:man", "Print the manual page."),
        "query": ("gossip.flows.cli.query:query", "Ask the lake in SQL."),
        "rules": ("gossip.flows.cli.rules:rules", "List, show and check rules."),
        "scan": ("gossip.flows.cli.scan:scan", "Scan files, Git repositories or standard input, once."),
        "status": ("gossip.flows.cli.state:status", "Show what a state folder remembers."),
        "stream": ("gossip.flows.cli.stream:stream", "Scan the messages of a Kafka topic, until stopped."),
        "unpark": ("gossip.flows.cli.state:unpark", "Let units be tried again that were given up on."),
        "watch": ("gossip.flows.cli.watch:watch", "Follow targets for new commits and files, until stopped."),
    }
)
"""Command name -> (import path, one line for the list of commands), sorted by name."""


VARIABLE = "_GOSSIP_COMPLETE"
"""Set by a shell that asks for completions; click's name for it."""


class LazyGroup(click.Group):
    """Loads a command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; its module is imported here."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        if VARIABLE in os.environ:
            from gossip.flows.cli.completing import complete_paths

            return complete_paths(command)
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does it; here --help and --version are printed."""
        with reader_may_leave():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with reader_may_leave():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 clean, 1 findings, 2 bad usage, 3 something could not be scanned, 4 internal failure.",
)
@click.version_option(gossip.__version__, prog_name="gossip")
def cli() -> None:
    """Find leaked secrets in things that keep changing."""


def main() -> None:
    """Entry point: runs a command and turns errors into one line and an exit code."""
    debug = "--debug" in sys.argv
    hold_streams()
    # Until a scan takes over: click would answer Ctrl-C with exit code 1, which means findings.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _frame: sys.exit(128 + signum))
    try:
        cli.main(prog_name="gossip", standalone_mode=True)
    except MisuseError as err:
        fail(err, EXIT_MISUSE, debug=debug)
    except GossipError as err:
        fail(err, EXIT_INTERNAL, debug=debug)
    except OSError as err:
        silence(sys.stdout)
        where = f"{err.filename}: " if err.filename else ""
        fail(f"{where}{err.strerror or type(err).__name__}", EXIT_INTERNAL, debug=debug)
    except Exception as err:
        if debug:
            raise
        fail(f"internal failure: {type(err).__name__}; run again with --debug for where", EXIT_INTERNAL)


def fail(err: object, code: int, *, debug: bool = False) -> None:
    """Say one line on stderr and exit."""
    from gossip.connectors.report.display import visible

    if debug:
        import traceback

        say(traceback.format_exc())
    say(f"gossip: {visible(str(err))}\n")
    sys.exit(code)
