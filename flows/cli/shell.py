"""`gossip completion` and `gossip man`: made from the table of commands and their options, written by nobody."""

from __future__ import annotations

import click

SHELLS = ("bash", "fish", "zsh")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
def completion(shell: str) -> None:
    """Print what makes SHELL (bash, zsh or fish) complete commands, options and files of gossip.

    \b
    bash:  eval "$(gossip completion bash)"                   in ~/.bashrc
    zsh:   eval "$(gossip completion zsh)"                    in ~/.zshrc, after compinit
    fish:  gossip completion fish >~/.config/fish/completions/gossip.fish
    """
    from gossip.flows.cli.completing import source

    click.echo(source(shell))


@click.command()
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, as share/man/man1/gossip.1.")
def man(output: str | None) -> None:
    """Print the manual page, in roff, as `man -l -` reads it."""
    from gossip.flows.cli.manual import page

    if output is None:
        click.echo(page(), nl=False)
    else:
        with open(output, "w", encoding="utf-8") as file:
            file.write(page())
