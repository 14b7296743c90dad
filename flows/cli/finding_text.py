"""One finding of the lake for people: what `gossip findings show` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gossip.connectors.report.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HEAD = {
    "open": "not known",
    "present": "yes",
    "removed": "no",
    "reappeared": "yes, again: it had been removed",
    "retracted": "no matter: the rule no longer finds it",
}
_PRESENCE = {"present": "in the head", "absent": "not in the head"}


def finding_lines(row: Mapping[str, Any]) -> Iterable[str]:
    """Lines without their ends. Nothing in them steers a terminal: paths and names are what strangers wrote."""
    for line in _lines(row):
        yield visible(line)


def _lines(row: Mapping[str, Any]) -> Iterable[str]:
    yield f"{row['level'].upper():6}  {row['rule_id']}  {row['description'] or ''}"
    yield f"  finding    {row['finding_id']}"
    yield f"  secret     {row['preview']}  {row['secret_hash']}"
    yield f"  target     {row['target']}"
    yield f"  status     {_status(row)}"
    removed = f", removed in {row['removed_commit']}" if row["removed_commit"] else ""
    yield f"  at head    {_HEAD[row['state']]}{removed}"
    introduced, first, last = (_time(row[name]) for name in ("introduced", "first_seen", "last_seen"))
    yield f"  introduced {introduced}, first seen {first}, last {last}"
    if row["validation"] not in {None, "none"}:
        yield f"  validation {row['validation']}"
    yield f"  places     {row['places']}"
    for place in row["occurrences"]:
        yield from _place(place)
    yield from _rotation(row)


def _status(row: Mapping[str, Any]) -> str:
    if row["decided_by"] is None:
        return str(row["status"])
    text = f"{row['status']} since {_time(row['decided_at'])} by {row['decided_by']}"
    if row["until"] is not None:
        text += f", accepted until {_time(row['until'])}{', which is over' * (row['status'] == 'open')}"
    return f"{text}: {row['reason']}" if row["reason"] else text


def _place(place: Mapping[str, Any]) -> Iterable[str]:
    where = f"{place['path'] or place['object_id'] or '-'}:{place['line']}:{place['column']}"
    said = [
        text for text in (_PRESENCE.get(place["presence"] or ""), "unreachable" * bool(place["unreachable"])) if text
    ]
    yield f"    {where}{'  (' + ', '.join(said) + ')' if said else ''}"
    if place["container_path"]:
        yield f"      inside   {' > '.join(place['container_path'])}"
    if place["decode_path"]:
        yield f"      decoded  {' > '.join(place['decode_path'])}"
    if place["commit"]:
        yield f"      commit   {place['commit']}  {place['author']} <{place['email']}>  {place['date']}"


def _rotation(row: Mapping[str, Any]) -> Iterable[str]:
    yield "  to do      revoke the secret where it was issued and replace it; taking it out of the files is not enough"
    if row["references"]:
        yield from (f"    {reference}" for reference in row["references"])
    else:
        yield "    the rule names no page of its provider"
    yield f"  then       gossip findings fix {row['finding_id'][:12]} ..."


def _time(text: str | None) -> str:
    return "-" if text is None else text[:19].replace("T", " ") + " UTC"
