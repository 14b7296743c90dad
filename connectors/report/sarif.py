"""SARIF 2.1.0, for code scanning services and editors.

Columns. SARIF 2.1.0 counts columns in UTF-16 code units or in Unicode code points and demands that one is named
(3.14.27); Gossip counts bytes (`columnKind: bytes` comes with SARIF 2.2). It also demands that the line-and-column and
the byte properties of a region name the same bytes (3.30.4). Both hold at once in one reading of the scanned bytes:
ISO-8859-1, where each byte is one code point. It is how Gossip looks at content, so the run declares it, as
`defaultEncoding: ISO-8859-1` with `columnKind: unicodeCodePoints`. Consequences: `byteOffset` and `byteLength` are
always exact; lines are exact; columns are exact for who honours the encoding, and for everyone on lines that are ASCII
up to the end of the secret. A viewer that decodes a line as UTF-8 all the same marks a place further to the right, by
the number of continuation bytes before it.

Paths are relative to a target, so each location names a base, `TARGET0`, `TARGET1` ...; the run tells which target each
is. No `uri` is given for a base: where a repository lies on the scanning machine says nothing to the reader's.

Secrets never go in, not even with `--show-secrets`: these files are uploaded to other systems.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from gossip.connectors.report.base import CollectingReporter
from gossip.connectors.report.display import json_utf8, utf8, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gossip.schemas.finding import Finding, Level
    from gossip.schemas.summary import Summary

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT: Final = "gossipFindingId/v1"

_LEVELS: Final[dict[Level, str]] = {"high": "error", "medium": "warning", "low": "note"}
_SEVERITIES: Final[dict[Level, str]] = {"high": "8.0", "medium": "5.0", "low": "2.0"}
"""The middle of the bands that GitHub calls high, medium and low."""

_HELP: Final = (
    "Revoke the credential where it was issued and issue a new one; then take it out of the source. "
    "Deleting the line is not enough: the history and every copy of it keep the old value."
)
_PROPERTIES: Final = (
    "author",
    "commit",
    "confidence",
    "container_path",
    "date",
    "decode_path",
    "email",
    "object_id",
    "occurrence_id",
    "preview",
    "secret_hash",
    "target",
    "unreachable",
    "validation",
)


def relative_uri(path: str) -> str:
    r"""A path as a relative URI reference: UTF-8, everything but unreserved characters and `/` percent-encoded.

    A byte that is not UTF-8 stands in a Finding as `\xNN` and stays that here (`%5CxNN`): the display form cannot be
    told from a name that is spelled so.

    >>> relative_uri("a dir/[red]:1.py")
    'a%20dir/%5Bred%5D%3A1.py'
    """
    uri = quote(utf8(path), safe="/")
    # Two leading slashes would make the first folder a host name.
    return "/%2F" + uri[2:] if uri.startswith("//") else uri


def _rules(findings: list[Finding]) -> list[dict[str, Any]]:
    """One descriptor a rule, sorted by id, from what its findings say: its level is the highest among them."""
    rules = []
    for rule_id, group in groupby(sorted(findings, key=lambda f: f.rule_id), key=lambda f: f.rule_id):
        same = list(group)
        strongest = max(same, key=lambda f: f.confidence).level
        description = min(f.description for f in same) or rule_id
        tags = sorted({"security", *(tag for f in same for tag in f.tags)})
        rules.append(
            {
                "id": rule_id,
                "shortDescription": {"text": description},
                "help": {"text": f"{description}. {_HELP}"},
                "defaultConfiguration": {"level": _LEVELS[strongest]},
                "properties": {"tags": tags, "security-severity": _SEVERITIES[strongest]},
            }
        )
    return rules


def _result(finding: Finding, rule_index: int, base_id: str) -> dict[str, Any]:
    # What a rule says, and a commit id: nothing that the scanned side wrote. The rest is in the properties.
    message = f"{finding.description or finding.rule_id} (rule {finding.rule_id})"
    if finding.commit:
        message += f", first in commit {finding.commit}"
    if finding.unreachable:
        message += ", in an object that no ref leads to"
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": relative_uri(finding.shown_path), "uriBaseId": base_id},
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endLine": finding.end_line,
                "endColumn": finding.end_column,
                "byteOffset": finding.start,
                "byteLength": finding.end - finding.start,
            },
        }
    }
    if finding.container_path:
        name = "!".join(finding.container_path)
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "archiveMember"}]
    record = finding.to_record()
    return {
        "ruleId": finding.rule_id,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.level],
        "message": {"text": _plain(message)},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: finding.finding_id},
        "properties": {
            name: record[name] for name in _PROPERTIES if record[name] not in ("", []) and record[name] is not False
        },
    }


def _notifications(record: dict[str, Any]) -> list[dict[str, Any]]:
    """One error a loss; one more a kind for the losses that are counted and not named."""
    kinds = {kind: index for index, kind in enumerate(record["losses"])}
    texts = []
    for kind, total in record["losses"].items():
        named = [loss for loss in record["losses_named"] if loss["kind"] == kind]
        for loss in named:
            detail = f": {loss['detail']}" if loss["detail"] else ""
            texts.append((kind, f"not scanned: {loss['where']}{detail}"))
        if total > len(named):
            texts.append((kind, f"not scanned: {total - len(named)} more that are counted but not named"))
    return [
        {"descriptor": {"id": kind, "index": kinds[kind]}, "level": "error", "message": {"text": _plain(text)}}
        for kind, text in texts
    ]


def _plain(text: str) -> str:
    """`text` for a SARIF message, where `{0}` is a placeholder (3.11.5) and `[text](address)` a link (3.11.6).

    Braces are doubled, as the standard says. A bracket outside a link stays as it is, so a link is cut with a space.
    """
    return visible(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _head(findings: list[Finding], record: dict[str, Any], bases: dict[str, str]) -> dict[str, Any]:
    """The run but for its results."""
    driver = {
        "name": "gossip",
        "rules": _rules(findings),
        "notifications": [{"id": kind} for kind in record["losses"]],
    }
    if record["version"]:
        driver["version"] = record["version"]
    return {
        "tool": {"driver": driver},
        "invocations": [
            {
                "executionSuccessful": record["status"] == "complete",
                "toolExecutionNotifications": _notifications(record),
            }
        ],
        "originalUriBaseIds": {base_id: {"description": {"text": _plain(t)}} for t, base_id in bases.items()},
        "defaultEncoding": "ISO-8859-1",
        "columnKind": "unicodeCodePoints",
        "properties": {"summary": record},
    }


class SarifReporter(CollectingReporter):
    """One run; sorted results, one a line. `executionSuccessful` is false where something could not be scanned."""

    def pieces(self, findings: list[Finding], summary: Summary) -> Iterator[bytes]:
        """The log, one result a piece."""
        record = summary.to_record()
        targets = sorted({*record["targets"], *(finding.target for finding in findings)})
        bases = {target: f"TARGET{index}" for index, target in enumerate(targets)}
        head = _head(findings, record, bases)
        rule_indexes = {rule["id"]: index for index, rule in enumerate(head["tool"]["driver"]["rules"])}
        yield b'{"$schema":' + json_utf8(SCHEMA_URI) + b',"version":"2.1.0","runs":[\n'
        # The results are the long part: they follow the rest of the run one by one, inside its closing brace.
        yield json_utf8(head)[:-1] + b',\n"results":['
        for index, finding in enumerate(findings):
            result = _result(finding, rule_indexes[finding.rule_id], bases[finding.target])
            yield (b",\n" if index else b"\n") + json_utf8(result)
        yield (b"\n" if findings else b"") + b"]}\n]}\n"
