"""trufflehog: its JSON output, one object a line. It has no baseline of its own, so people keep its reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gossip.engine.baseline.foreign.claims import Claim, mapping_of, number_of, place_of, plain_path, text_of

REASON = "left out for trufflehog"


def findings(records: Iterable[object]) -> Iterator[Claim]:
    """Claims of a report; lines that are no findings (it logs as JSON, too) are passed over."""
    for item in records:
        record = mapping_of(item)
        if "SourceMetadata" not in record:
            continue
        sources = mapping_of(mapping_of(record["SourceMetadata"]).get("Data"))
        place = mapping_of(next(iter(sources.values()), None))
        path, line = plain_path(text_of(place.get("file"))), number_of(place.get("line"))
        commit, rule = text_of(place.get("commit")), text_of(record.get("DetectorName"))
        secrets = dict.fromkeys(
            text_of(record.get(name)).encode("utf-8", "surrogateescape") for name in ("Raw", "RawV2")
        )
        yield Claim(
            f"{place_of(path, line, commit)} {rule}",
            REASON,
            secrets=tuple(secret for secret in secrets if secret),
            path=path,
            line=line,
            commit=commit,
            rule=rule,
        )
