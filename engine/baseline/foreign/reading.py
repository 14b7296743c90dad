"""Which scanner a file comes from, and the claims in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import MappingProxyType

from gossip.engine.baseline.foreign import betterleaks, detect_secrets, gitleaks, kingfisher, trufflehog
from gossip.engine.baseline.foreign.claims import Claim, mapping_of
from gossip.schemas.errors import MisuseError

_HELP = "give a baseline, an ignore file or a JSON report of one of these scanners"


def read_claims(text: str, where: str, kind: str = "auto") -> list[Claim]:
    """The claims of a file. Raises MisuseError for a file of another kind; a wrong line is a claim that says so.

    `kind`: a name of FORMATS, or `auto`. No message shows what stands in the file.
    """
    text = text.removeprefix("\ufeff")
    chosen = guess(text) if kind == "auto" else kind
    if chosen not in FORMATS:
        raise MisuseError(f"{where}: format {kind!r} is not known; choose one of {', '.join(FORMATS)}")
    try:
        return list(FORMATS[chosen](text))
    except (ValueError, RecursionError) as err:
        raise MisuseError(f"{where}: cannot be read as {chosen}: {type(err).__name__}; {_HELP}") from err


def guess(text: str) -> str:
    """The scanner that wrote a text; `gitleaks` for lines of which nothing else is known."""
    start = text.lstrip()[:1]
    if start == "[":
        return "gitleaks"
    if start == "{":
        try:
            data = mapping_of(json.loads(text))
        except ValueError:
            return "betterleaks" if any("schema_version" in mapping_of(one) for one in _lines(text)) else "trufflehog"
        if "results" in data:
            return "detect-secrets"
        return "trufflehog" if "SourceMetadata" in data else "betterleaks"
    if any(line.startswith(("ExactFindings:", "fingerprint_algorithm:", "repositories:")) for line in text.split("\n")):
        return "kingfisher"
    return "gitleaks"


def _lines(text: str) -> Iterator[object]:
    """Objects of JSON Lines. Raises ValueError for a line that is none."""
    for line in text.split("\n"):
        if line.strip():
            yield json.loads(line)


def _ignored(text: str) -> Iterator[Claim]:
    """Lines of an ignore file: fingerprints of gitleaks and betterleaks 1, digests of betterleaks 2."""
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        claim = betterleaks.digest_line(line) or gitleaks.fingerprint(line)
        yield claim or Claim(f"line {number}", problem="it is neither a fingerprint nor a digest")


def _gitleaks(text: str) -> Iterator[Claim]:
    if text.lstrip().startswith(("[", "{")):
        data = json.loads(text)
        if not isinstance(data, list):
            raise ValueError("a report is an array")
        return gitleaks.report(data)
    return _ignored(text)


def _betterleaks(text: str) -> Iterator[Claim]:
    start = text.lstrip()[:1]
    if start == "[":
        return gitleaks.report(json.loads(text), betterleaks.REASON)
    if start != "{":
        return _ignored(text)
    try:
        data = mapping_of(json.loads(text))
    except ValueError:
        lines = [mapping_of(one) for one in _lines(text)]
        return betterleaks.findings(one["finding"] for one in lines if "finding" in one)
    found = [data["finding"]] if "finding" in data else data.get("findings")
    if not isinstance(found, list):
        raise ValueError("a report has findings")  # noqa: TRY004 - see above
    return betterleaks.findings(iter(found))


def _detect_secrets(text: str) -> Iterator[Claim]:
    data = mapping_of(json.loads(text))
    if not isinstance(data.get("results"), dict):
        raise ValueError("a baseline has results")  # noqa: TRY004 - see above
    return detect_secrets.baseline(data)


def _kingfisher(text: str) -> Iterator[Claim]:
    import yaml

    try:
        data = mapping_of(yaml.safe_load(text))
    except yaml.YAMLError as err:
        raise ValueError("no YAML") from err
    if not {"ExactFindings", "repositories"} & data.keys():
        raise ValueError("a baseline has findings")
    return kingfisher.baseline(data)


def _trufflehog(text: str) -> Iterator[Claim]:
    if text.lstrip().startswith("["):
        return trufflehog.findings(json.loads(text))
    return trufflehog.findings(_lines(text))


FORMATS: MappingProxyType[str, Callable[[str], Iterator[Claim]]] = MappingProxyType(
    {
        "betterleaks": _betterleaks,
        "detect-secrets": _detect_secrets,
        "gitleaks": _gitleaks,
        "kingfisher": _kingfisher,
        "trufflehog": _trufflehog,
    }
)
"""Name of a scanner -> the claims of a text of its. They raise ValueError for a text that is none. Sorted by name."""
