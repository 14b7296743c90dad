"""`gossip rules`: list, show and check rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gossip.engine.rules.model import RuleSet


@click.group()
def rules() -> None:
    """List, show and check rules."""


@rules.command("list")
@click.option("--rules", "path", metavar="FILE", help="A rule file; default: built in.")
def list_rules(path: str | None) -> None:
    """One line a rule: id, confidence, description."""
    for rule in _rule_set(path).rules:
        click.echo(f"{rule.id}\t{rule.confidence}\t{rule.description}")


@rules.command()
@click.argument("rule_id")
@click.option("--rules", "path", metavar="FILE", help="A rule file; default: built in.")
def show(rule_id: str, path: str | None) -> None:
    """Everything about one rule, as JSON."""
    import json
    from dataclasses import asdict

    from gossip.schemas.errors import MisuseError

    for rule in _rule_set(path).rules:
        if rule.id == rule_id:
            record = {**asdict(rule), "fingerprint": rule.fingerprint.hex()}
            click.echo(json.dumps(record, indent=2, ensure_ascii=False))
            return
    raise MisuseError(f"no rule {rule_id!r}; `gossip rules list` names them all")


@rules.command()
@click.argument("path", metavar="[FILE]", required=False)
def check(path: str | None) -> None:
    """Load and compile every rule, and try its examples and counterexamples."""
    import sys

    from gossip.engine.rules.check import check_examples
    from gossip.engine.rules.compiler import compile_rules

    found = _rule_set(path)
    problems = check_examples(found, compile_rules(found, "off"))
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(f"{len(found.rules)} rules, {len(problems)} problems")
    sys.exit(2 if problems else 0)


def _rule_set(path: str | None) -> RuleSet:
    from pathlib import Path

    from gossip.engine.rules.loader import load_builtin, load_file

    return load_builtin() if path is None else load_file(Path(path))
