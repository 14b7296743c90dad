"""What `gossip baseline` does once its options are read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gossip.flows.cli.options import ScanOptions
from gossip.flows.cli.streams import say
from gossip.schemas.config import DecodeMode
from gossip.schemas.errors import MisuseError
from gossip.schemas.summary import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gossip.engine.baseline.book import Baseline, Entry
    from gossip.flows.baselines import KnownSecrets
    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

DEFAULT_NAME = ".gossip-baseline"
LOSSES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class BaselineOptions:
    """One field an option; see `gossip baseline create --help`."""

    targets: tuple[str, ...] = ()
    file: str = DEFAULT_NAME
    rules: str | None = None
    enabled_rules: tuple[str, ...] = ()
    disabled_rules: tuple[str, ...] = ()
    min_confidence: int = 0
    history: bool = True
    decode: DecodeMode = "anchors"
    archives: bool = True
    tenant_key_file: str | None = None
    jobs: int | None = None
    quiet: bool = False
    reason: str = ""


def create(options: BaselineOptions) -> int:
    """Write a new baseline. Raises MisuseError, also where there is one."""
    from gossip.flows.baselines import entries_of, write_baseline

    if os.path.exists(options.file):
        raise MisuseError(f"{options.file}: is there already; `gossip baseline update` adds to it")
    baseline = _empty(options)
    findings, summary = _scanned(options)
    _add(baseline, entries_of(findings, options.reason))
    write_baseline(options.file, baseline)
    return _ended(options, summary, f"{len(baseline)} secrets are known now")


def update(options: BaselineOptions, *, prune: bool) -> int:
    """Add to a baseline, and remove what matches nothing where that is asked for. Raises MisuseError."""
    from gossip.flows.baselines import entries_of, write_baseline

    baseline, known = _opened(options)
    findings, summary = _scanned(options)
    fresh = [finding for finding in findings if not known.covers(finding)]
    added = entries_of(fresh, options.reason)
    gone: list[Entry] = []
    if prune and summary.losses:
        say("gossip: nothing is removed: what could not be scanned may hold it\n")
    elif prune:
        gone = list(known.unmet())
    for one in gone:
        del baseline.entries[one.known]
    _add(baseline, added)
    write_baseline(options.file, baseline)
    return _ended(options, summary, f"{len(added)} secrets added, {len(gone)} removed, {len(baseline)} are known now")


def check(options: BaselineOptions) -> int:
    """Name entries that match nothing on stdout. Raises MisuseError."""
    baseline, known = _opened(options)
    findings, summary = _scanned(options)
    fresh = {(finding.secret_hash, finding.rule_id) for finding in findings if not known.covers(finding)}
    unmet = list(known.unmet())
    for one in unmet:
        click.echo(f"matches nothing: {one.shown}")
    code = _ended(
        options, summary, f"{len(unmet)} of {len(baseline)} entries match nothing; {len(fresh)} secrets are not known"
    )
    return code or (EXIT_FINDINGS if unmet else EXIT_CLEAN)


def import_(options: BaselineOptions, source: str, kind: str, hmac_key_file: str | None) -> int:
    """Add what another scanner's file means, and list what it does not mean here. Raises MisuseError."""
    from gossip.connectors.report.display import visible
    from gossip.engine.baseline.foreign.matching import match_claims
    from gossip.engine.baseline.foreign.reading import read_claims
    from gossip.flows.baselines import entries_of, read_text, write_baseline

    claims = read_claims(read_text(source), source, kind)
    key = None if hmac_key_file is None else read_text(hmac_key_file).rstrip("\r\n").encode()
    baseline = _opened(options)[0] if os.path.exists(options.file) else _empty(options)
    findings, summary = _scanned(options, show_secrets=True)
    met = match_claims(claims, findings, _spellings, key)
    before = len(baseline)
    for one in met:
        entries = entries_of(one.findings, options.reason or one.claim.reason)
        _add(baseline, (entry for entry in entries if entry.known not in baseline.entries))
    write_baseline(options.file, baseline)
    missed = [one for one in met if one.problem]
    for one in missed:
        click.echo(visible(f"matches nothing: {one.claim.shown}: {one.problem}"))
    count = len(met) - len(missed)
    code = _ended(options, summary, f"{count} of {len(met)} taken over, {len(baseline) - before} secrets added")
    return code or (EXIT_FINDINGS if missed else EXIT_CLEAN)


def _spellings(finding: Finding) -> Iterable[str]:
    """What other scanners may call a finding's path: relative to the target, to its parent, or to nothing."""
    from gossip.engine.baseline.foreign.claims import plain_path

    whole = os.path.realpath(finding.target)
    bases = ("", finding.target, whole, os.path.basename(whole))
    return {plain_path(os.path.join(base, finding.path) if finding.path else base) for base in bases}


def _opened(options: BaselineOptions) -> tuple[Baseline, KnownSecrets]:
    from gossip.flows.baselines import KnownSecrets, open_baseline

    baseline = open_baseline(options.file)
    known = KnownSecrets(options.file, baseline)
    known.check_key(_key(options))
    return baseline, known


def _empty(options: BaselineOptions) -> Baseline:
    from gossip.engine.baseline.book import Baseline
    from gossip.engine.identity import tenant_key_id

    return Baseline(tenant_key_id(_key(options)).hex())


def _key(options: BaselineOptions) -> bytes:
    from gossip.flows.cli.running import tenant_key_of
    from gossip.flows.run import open_tenant_key

    return tenant_key_of(options.tenant_key_file) or open_tenant_key()


def _add(baseline: Baseline, entries: Iterable[Entry]) -> None:
    for one in entries:
        baseline.add(one)


def _scanned(options: BaselineOptions, *, show_secrets: bool = False) -> tuple[list[Finding], Summary]:
    """What a scan with these options finds. Secrets are in the findings only where they are asked for."""
    from gossip.flows.baselines import Collected
    from gossip.flows.cli.running import scan_into

    collected = Collected()
    scan = ScanOptions(
        options.targets or (".",),
        jobs=options.jobs,
        rules=options.rules,
        enabled_rules=options.enabled_rules,
        disabled_rules=options.disabled_rules,
        min_confidence=options.min_confidence,
        history=options.history,
        decode=options.decode,
        archives=options.archives,
        tenant_key_file=options.tenant_key_file,
        show_secrets=show_secrets,
        quiet=options.quiet,
        no_progress=True,
    )
    summary = scan_into(scan, collected)
    return collected.findings, summary


def _ended(options: BaselineOptions, summary: Summary, said: str) -> int:
    from gossip.connectors.report.display import visible

    if not options.quiet:
        say(f"gossip: {options.file}: {said}\n")
    for loss in summary.losses_named[:LOSSES_SHOWN]:
        say(visible(f"gossip: not scanned: {loss.where}: {loss.kind} {loss.detail}".rstrip()) + "\n")
    return EXIT_INCOMPLETE if summary.losses else EXIT_CLEAN
