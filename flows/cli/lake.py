"""`gossip lake`: compact, vacuum and verify."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN, EXIT_FINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gossip.connectors.lake.storage import Location

STORAGE_HELP = "Option of the object store, such as AWS_REGION=eu-north-1; may be given again."


@click.group()
def lake() -> None:
    """Upkeep of the lake in a state folder or at a URI."""


@lake.command()
@click.argument("place", metavar="DIR|URI")
@click.option("--if-needed", is_flag=True, help="Leave tables with few files alone.")
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def compact(place: str, *, if_needed: bool, options: tuple[str, ...]) -> None:
    """Merge small files into larger ones. Scans and queries may go on."""
    from gossip.connectors.lake.maintain import compact as run

    for done in run(find_lake(place, options), only_if_needed=if_needed):
        click.echo(f"{done.table}: {done.files_before} files, now {done.files_after}")


@lake.command()
@click.argument("place", metavar="DIR|URI")
@click.option("--retention-hours", type=click.IntRange(0), default=168, show_default=True, help="Keep younger files.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--force", is_flag=True, help="Allow less than 168 hours. No scan and no query may run.")
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def vacuum(place: str, *, retention_hours: int, dry_run: bool, force: bool, options: tuple[str, ...]) -> None:
    """Remove files that no table names any more."""
    from gossip.connectors.lake.maintain import vacuum as run

    removed = run(find_lake(place, options), retention_hours=retention_hours, dry_run=dry_run, force=force)
    for table, files in removed.items():
        click.echo(f"{table}: {files} files {'to remove' if dry_run else 'removed'}")


@lake.command()
@click.argument("place", metavar="DIR|URI")
@click.option("--rules", metavar="FILE", help="Rules that say what is like a secret; default: built in.")
@click.option("--storage-option", "options", multiple=True, metavar="KEY=VALUE", help=STORAGE_HELP)
def verify(place: str, rules: str | None, options: tuple[str, ...]) -> None:
    """Prove that the tables agree and hold no secret.

    Exit code 0: they do; 1: they do not, and what is wrong is printed, with the ids of rows.
    """
    from gossip.connectors.lake.maintain import verify as run

    report = run(find_lake(place, options), _secret_test(rules))
    for violation in report.violations:
        click.echo(f"{violation.check}: {violation.rows} rows: {violation.meaning}")
        for row in violation.ids:
            click.echo(f"  {row}")
        if violation.rows > len(violation.ids):
            click.echo(f"  and {violation.rows - len(violation.ids)} more")
    click.echo(
        f"{report.occurrences} occurrences, {report.units} units, {report.checks} checks, "
        f"{len(report.violations)} violated",
        err=True,
    )
    sys.exit(EXIT_FINDINGS if report.violations else EXIT_CLEAN)


def find_lake(place: str, options: Iterable[str]) -> Location:
    """The lake that a user named, with the options of its store. Raises MisuseError; options are in no message."""
    from gossip.connectors.lake.storage import find_location

    return find_location(place, storage_options(options))


def storage_options(options: Iterable[str]) -> dict[str, str]:
    """Options of an object store as typed, KEY=VALUE. Raises MisuseError without showing them."""
    pairs: dict[str, str] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise MisuseError("--storage-option: give KEY=VALUE, such as AWS_REGION=eu-north-1")
        pairs[key] = value
    return pairs


def _secret_test(rules: str | None) -> Callable[[str], bool]:
    from gossip.flows.run import default_cache_folder, open_tenant_key
    from gossip.flows.scan import build_detector
    from gossip.schemas.config import ScanConfig

    detector = build_detector(ScanConfig((), open_tenant_key(), rules_path=rules, cache_folder=default_cache_folder()))

    def holds_secret(text: str) -> bool:
        return bool(detector.scan([text.encode("utf-8", "replace")]).matches)

    return holds_secret
