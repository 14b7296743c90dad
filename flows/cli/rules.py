"""`gossip rules`: list, show, test and check rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gossip.engine.rules.model import Rule, RuleSet

_FILE = click.option("--rules", "path", metavar="FILE", help="A rule file; default: built in.")


@click.group()
def rules() -> None:
    """List, show, test and check rules."""


@rules.command("list")
@_FILE
@click.option("--tag", "tags", multiple=True, metavar="NAME", help="Only rules with this tag; all of several.")
@click.option("--level", type=click.Choice(["low", "medium", "high"]), help="Only rules of this level.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_rules(path: str | None, tags: tuple[str, ...], level: str | None, as_json: bool) -> None:  # noqa: FBT001
    """One line a rule: id, confidence, description."""
    import json

    for rule in _rule_set(path).rules:
        if not set(tags) <= set(rule.tags) or (level is not None and _level(rule) != level):
            continue
        if as_json:
            record: dict[str, object] = {"id": rule.id, "description": rule.description, "confidence": rule.confidence}
            record |= {"level": _level(rule), "severity": rule.severity, "tags": rule.tags}
            click.echo(json.dumps(record, ensure_ascii=False))
        else:
            click.echo(f"{rule.id}\t{rule.confidence}\t{rule.description}")


@rules.command()
@click.argument("rule_id")
@_FILE
def show(rule_id: str, path: str | None) -> None:
    """Everything about one rule, as JSON."""
    import json
    from dataclasses import asdict

    from gossip.schemas.errors import MisuseError

    for rule in _rule_set(path).rules:
        if rule.id == rule_id:
            counts = {"examples": len(rule.examples), "counterexamples": len(rule.counterexamples)}
            record = {**asdict(rule), "level": _level(rule), "counts": counts, "fingerprint": rule.fingerprint.hex()}
            click.echo(json.dumps(record, indent=2, ensure_ascii=False))
            return
    raise MisuseError(f"no rule {rule_id!r}; `gossip rules list` names them all")


@rules.command()
@click.argument("file", metavar="[FILE|-]", default="-")
@_FILE
def test(file: str, path: str | None) -> None:
    """What each rule says about a text: line, rule, and `found` or the gate that rejects it. Shows no text."""
    from pathlib import Path

    from gossip.engine.rules.cache import cached_program
    from gossip.engine.rules.trial import try_rules
    from gossip.flows.run import default_cache_folder
    from gossip.schemas.errors import MisuseError

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as err:
        raise MisuseError(f"{file}: {err.strerror or err}") from err
    found = _rule_set(path)
    folder = default_cache_folder()
    program = cached_program(found, Path(folder) if folder else None)
    trials = try_rules(found, program, data, b"" if file == "-" else file.encode("utf-8", "surrogateescape"))
    for trial in trials:
        worth = "-" if trial.confidence is None else trial.confidence
        click.echo(f"{trial.line}\t{trial.rule}\t{worth}\t{trial.verdict}")
    if not trials:
        click.echo("no rule matches", err=True)


@rules.command()
@click.argument("path", metavar="[FILE]", required=False)
def check(path: str | None) -> None:
    """Read and compile every rule, try its examples and counterexamples, and name all that is wrong."""
    from pathlib import Path

    from gossip.engine.rules.check import check_examples, without_broken
    from gossip.engine.rules.compiler import compile_rules
    from gossip.engine.rules.formats.loading import Loading
    from gossip.engine.rules.loader import load_builtin, load_file

    problems: list[str] = []
    loading = Loading(problems=problems)
    found = load_builtin() if path is None else load_file(Path(path), loading)
    whole, broken = without_broken(found)
    left_out = len(problems) + len(broken)
    problems += broken + check_examples(whole, compile_rules(whole, "off"), rivals=path is None)
    for note in loading.notes:
        click.echo(f"note: {note}", err=True)
    for problem in problems:
        click.echo(problem, err=True)
    if left_out:
        click.echo(f"{left_out} problems keep rules from being loaded; a scan refuses the file", err=True)
    click.echo(f"{len(whole.rules)} rules, {len(problems)} problems")
    sys.exit(2 if problems else 0)


def _level(rule: Rule) -> str | None:
    from gossip.schemas.finding import level_of

    return None if rule.confidence is None else level_of(rule.confidence)


def _rule_set(path: str | None) -> RuleSet:
    from pathlib import Path

    from gossip.engine.rules.loader import load_builtin, load_file

    return load_builtin() if path is None else load_file(Path(path))
