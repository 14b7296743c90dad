"""JUnit XML, for the test tabs of CI systems: findings are failed tests, losses are broken ones."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from gossip.connectors.report.base import CollectingReporter
from gossip.connectors.report.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gossip.schemas.finding import Finding
    from gossip.schemas.summary import Summary

COMMIT_SHORT_CHARS = 12


def _safe(text: str) -> str:
    """Fit for XML text and attributes: what XML 1.0 forbids, and every line break, is shown as an escape."""
    return escape(visible(text))


def _attributes(**values: object) -> str:
    return "".join(f' {name}="{_safe(str(value))}"' for name, value in values.items())


def _element(name: str, text: str, /, **values: object) -> str:
    return f"<{name}{_attributes(**values)}>{text}</{name}>" if text else f"<{name}{_attributes(**values)}/>"


def _failure(finding: Finding) -> str:
    details = (
        ("description", finding.description),
        ("preview", finding.preview),
        ("confidence", f"{finding.confidence} of 10"),
        ("commit", finding.commit),
        ("author", f"{finding.author} <{finding.email}>" if finding.email else finding.author),
        ("date", finding.date),
        ("unreachable", "no ref leads to this object" if finding.unreachable else ""),
        ("archive member", "!".join(finding.container_path)),
        ("decoded from", ", ".join(finding.decode_path)),
        ("finding id", finding.finding_id),
    )
    text = "".join(f"{name}: {_safe(value)}\n" for name, value in details if value)
    return _element("failure", text, message=finding.description, type=finding.level)


def _case(finding: Finding) -> str:
    path = finding.shown_path
    name = f"{path}:{finding.line}:{finding.column}"
    if finding.commit:
        # CI systems take class and name for a test's identity: the same place in two commits is two tests.
        name += f"@{finding.commit[:COMMIT_SHORT_CHARS]}"
    values = {"classname": finding.target, "name": name, "file": path, "line": finding.line}
    return _element("testcase", _failure(finding), **values)


def _loss_cases(summary: Summary) -> Iterator[str]:
    record = summary.to_record()
    named = groupby(record["losses_named"], key=lambda loss: str(loss["kind"]))
    by_kind = {kind: list(losses) for kind, losses in named}
    for kind, total in record["losses"].items():
        losses = by_kind.get(kind, [])
        for loss in losses:
            error = _element("error", "", message=loss["detail"] or kind, type=kind)
            yield _element("testcase", error, classname=kind, name=loss["where"])
        if total > len(losses):
            message = f"{total - len(losses)} more are counted but not named"
            error = _element("error", "", message=message, type=kind)
            yield _element("testcase", error, classname=kind, name="not named")


class JunitReporter(CollectingReporter):
    """One suite a rule, sorted; one failed test a finding; a last suite `losses` where the run is incomplete.

    A run with neither has one passed test, since CI systems take a report without tests for a broken job. Secrets never
    go in, not even with `--show-secrets`: these reports are kept and shown by other systems.
    """

    def pieces(self, findings: list[Finding], summary: Summary) -> Iterator[bytes]:
        """The document, one test a piece."""
        # The sort is stable: inside a rule the documented order of findings stays.
        by_rule = sorted(findings, key=lambda finding: finding.rule_id)
        lost = list(_loss_cases(summary))
        passed = int(not findings and not lost)
        totals = {
            "name": "gossip",
            "tests": len(findings) + len(lost) + passed,
            "failures": len(findings),
            "errors": len(lost),
            "time": f"{summary.seconds:.3f}",
        }
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{_attributes(**totals)}>\n'.encode()
        for rule_id, group in groupby(by_rule, key=lambda finding: finding.rule_id):
            same = list(group)
            yield from self._suite(rule_id, map(_case, same), tests=len(same), failures=len(same), errors=0)
        if lost:
            yield from self._suite("losses", lost, tests=len(lost), failures=0, errors=len(lost))
        if passed:
            case = _element("testcase", "", classname="gossip", name="no findings")
            yield from self._suite("scan", [case], tests=1, failures=0, errors=0)
        yield b"</testsuites>\n"

    @staticmethod
    def _suite(name: str, cases: Iterable[str], **counts: int) -> Iterator[bytes]:
        yield f"  <testsuite{_attributes(name=name, **counts)}>\n".encode()
        for case in cases:
            yield f"    {case}\n".encode()
        yield b"  </testsuite>\n"
