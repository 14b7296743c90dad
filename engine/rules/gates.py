"""The keys of a rule that say how a match is judged, read from its table."""

from __future__ import annotations

import json
import re

from gossip.engine.detect.validators import make_validator
from gossip.engine.limits import LINE_CONTEXT_BYTES
from gossip.engine.rules.model import CharClass, Component, EntropyGate, LocalContext
from gossip.engine.rules.table import Reader

_UUID_SHAPE = re.compile(r"\{8\}.{0,40}-.{0,60}\{12\}")
_LINES_MAX = 10_000


def entropy_gate(reader: Reader) -> EntropyGate:
    """Key `entropyGate`."""
    inner = _inner(reader, "entropyGate", {"minLength", "maxLength", "minEntropy", "digitPenalty"})
    if inner is None:
        return EntropyGate()
    shortest = inner.whole("minLength", 1, 1 << 20, default=1)
    longest = inner.whole("maxLength", 1, 1 << 20, default=256)
    if longest < shortest:
        raise inner.error("maxLength", f"{longest} is less than minLength {shortest}")
    return EntropyGate(shortest, longest, inner.number("minEntropy", 0.0, 8.0), inner.flag("digitPenalty"))


def char_class(reader: Reader) -> CharClass | None:
    """Key `charClass`."""
    inner = _inner(reader, "charClass", {"maxLowerPct", "minWindow"})
    if inner is None:
        return None
    return CharClass(inner.whole("maxLowerPct", 0, 100, default=95), inner.whole("minWindow", 16, 1 << 16, default=32))


def local_context(reader: Reader) -> LocalContext | None:
    """Key `context`."""
    known = {"lookbehind", "lookahead", "sameLineAssignment", "quoted", "keyNames"}
    inner = _inner(reader, "context", known)
    if inner is None:
        return None
    return LocalContext(
        lookbehind=inner.whole("lookbehind", 0, LINE_CONTEXT_BYTES, default=256),
        lookahead=inner.whole("lookahead", 0, LINE_CONTEXT_BYTES, default=256),
        same_line_assignment=inner.flag("sameLineAssignment"),
        quoted=inner.flag("quoted"),
        key_names=inner.texts("keyNames", allow_empty=False),
    )


def components(reader: Reader) -> tuple[Component, ...]:
    """Tables `[[rules.components]]`, or gitleaks' `[[rules.required]]`."""
    found = []
    for key in ("components", "required"):
        for number, entry in enumerate(reader.tables(key)):
            where = f"{reader.where}: {key} {number + 1}"
            inner = Reader(where, entry, {"id", "withinLines", "withinBytes", "withinColumns", "optional"})
            rule = inner.text("id")
            if not rule:
                raise inner.error("id", "must name a rule")
            lines, near, columns = (_bound(inner, name) for name in ("withinLines", "withinBytes", "withinColumns"))
            found.append(Component(rule, lines, near, columns, optional=inner.flag("optional")))
    return tuple(found)


def _bound(inner: Reader, key: str) -> int | None:
    return inner.whole(key, 0, _LINES_MAX if key == "withinLines" else 1 << 30) if key in inner.data else None


def validator(reader: Reader) -> str:
    """Key `validator`: a name, or a table with `kind`."""
    spec = reader.data.get("validator")
    if spec is None:
        return ""
    if not isinstance(spec, str | dict):
        raise reader.error("validator", "must be a name or a table")
    try:
        make_validator(spec)
    except ValueError as err:
        raise reader.error("validator", str(err)) from err
    return json.dumps(spec, sort_keys=True)


def uuid_allowed(reader: Reader, regex: str) -> bool:
    """Key `uuid`; where it is absent, a regex that spells out a UUID's groups allows them."""
    if "uuid" in reader.data:
        return reader.flag("uuid")
    return _UUID_SHAPE.search(regex) is not None


def _inner(reader: Reader, key: str, known: set[str]) -> Reader | None:
    if key not in reader.data:
        return None
    return Reader(f"{reader.where}: {key}", reader.table(key), known)
