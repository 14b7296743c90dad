"""`gossip hook`, which Git runs, and `gossip install-hook`, which makes Git run it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

HOOK_TYPES = ("pre-commit", "pre-push", "pre-receive")

_DETECTION = (
    click.option("--rules", "--config", metavar="FILE", help="Rules, also other tools'; default: built in."),
    click.option(
        "--enable-rule", "enabled_rules", multiple=True, metavar="RULE", help="Only: ID, tag:NAME, file:NAME."
    ),
    click.option("--disable-rule", "disabled_rules", multiple=True, metavar="RULE", help="Without these."),
    click.option(
        "--min-confidence", type=click.IntRange(0, 10), default=0, help="Let findings below it pass, 0 to 10."
    ),
    click.option("--tenant-key-file", metavar="FILE", help="The key of the secret hashes, as in `gossip scan`."),
    click.option("--baseline", metavar="FILE", help="Let the secrets pass that FILE knows: see gossip baseline."),
    click.option("--max-objects", type=click.IntRange(1), help="New files of a push that are scanned: 50,000."),
    click.option("--max-mib", type=click.IntRange(1), help="MiB of new files of a push that are scanned: 512."),
    click.option("--accept-incomplete", is_flag=True, help="Let pass what could not be scanned in full."),
    click.option("--report-only", is_flag=True, help="Say what is found, and let everything pass."),
)


def detection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide what a hook refuses."""
    for option in reversed(_DETECTION):
        command = option(command)
    return command


@click.command()
@click.argument("kind", type=click.Choice(HOOK_TYPES), metavar="TYPE")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENT]...")
@detection_options
def hook(kind: str, arguments: tuple[str, ...], **values: Any) -> None:
    """What Git runs: TYPE is pre-commit, pre-push or pre-receive, followed by what Git gives such a hook.

    pre-commit scans what is staged, pre-push the commits that the remote has not, pre-receive what a push brings,
    before any ref moves. Everything is said on stderr. Exit codes are those of `gossip scan`; Git goes on with 0 only.
    """
    from gossip.flows.cli.hooking import HookOptions, run_hook

    sys.exit(run_hook(kind, arguments, HookOptions(**values), dict(os.environ)))


@click.command("install-hook")
@click.argument("repository", default=".", metavar="[REPO]")
@click.option("--type", "kinds", multiple=True, type=click.Choice(HOOK_TYPES), help="Default: pre-commit. Repeatable.")
@click.option("--append", is_flag=True, help="Where there is another hook: run it first, then Gossip's.")
@click.option("--force", is_flag=True, help="Where there is another hook: put it aside. Also allows a shared folder.")
@click.option("--remove", is_flag=True, help="Take Gossip's hook away, and put back what was there before.")
@detection_options
def install_hook(
    repository: str, kinds: tuple[str, ...], *, append: bool, force: bool, remove: bool, **values: Any
) -> None:
    """Make Git run Gossip in REPO: before a commit, a push, or, on a server, before a push is accepted.

    The other options are written into the hook. An existing hook is never overwritten: see --append and --force.
    """
    from gossip.flows.cli.hookfile import Installer, script_options
    from gossip.schemas.errors import MisuseError

    if append + force + remove > 1:
        raise MisuseError("--append, --force and --remove exclude each other")
    installer = Installer(repository)
    for kind in dict.fromkeys(kinds or ("pre-commit",)):
        if remove:
            said = installer.remove(kind)
        else:
            said = installer.install(kind, script_options(values), append=append, force=force)
        for line in said:
            click.echo(line)
    if not remove:
        from gossip.flows.cli.hooking import HookOptions, warm_up

        warm_up(HookOptions(**values))
