"""Credential files of package managers and network tools: what they spread over lines or encode, on one line."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

from gossip.engine.decode.documents.jsontext import leaves
from gossip.engine.decode.documents.limits import SETTINGS_BYTES_MAX
from gossip.engine.decode.documents.parts import Output, assignment

_NETRC_TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*+)"|[^\s"][^\s]*+')
_NETRC_FIELDS = frozenset({"login", "account", "password"})


def extract_npmrc(data: bytes, out: Output, _name: str) -> None:
    """One part: a line `key = "value"` per setting; `_auth` and `_password`, which are base64, also decoded."""
    text = []
    for line in _lines(data, out):
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip().strip("\"'")
        if not equals or key.startswith(("#", ";")) or not value:
            continue
        text.append(assignment(key, value))
        scope, colon, last = key.rpartition(":")
        if last in {"_auth", "_password"} and (plain := _base64_text(value)):
            text += _user_password(scope + colon, plain) if last == "_auth" else [assignment(f"{key}.plain", plain)]
    out.add("".join(text))


def extract_pypirc(data: bytes, out: Output, _name: str) -> None:
    """One part: a line `section.key = "value"` per setting. Repositories' URLs precede what opens them."""
    text, section = [], ""
    for line in _lines(data, out):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1].strip() + "."
            continue
        key, mark, value = re.match(r"([^=:]*)([=:]?)(.*)", stripped).groups()  # type: ignore[union-attr]
        if mark and value.strip() and not key.startswith(("#", ";")):
            text.append(assignment(section + key.strip(), value.strip()))
    out.add("".join(text))


def extract_netrc(data: bytes, out: Output, _name: str) -> None:
    """One part: a line per machine, `machine = "host" login = "user" password = "..."`. Macros are skipped."""
    text: list[str] = []
    entry: list[str] = []
    tokens = _netrc_tokens(data, out)
    for word in tokens:
        if word in {"machine", "default"}:
            text += [*entry, "\n"] if entry else []
            entry = [f'machine = "{next(tokens, "") if word == "machine" else word}"']
        elif word in _NETRC_FIELDS:
            entry.append(f' {word} = "{next(tokens, "")}"')
    text += [*entry, "\n"] if entry else []
    out.add("".join(text))


def _netrc_tokens(data: bytes, out: Output) -> Iterator[str]:
    """The words of a .netrc file, without comments and macros."""
    macro = False
    for line in _lines(data, out):
        if not line.strip():
            macro = False
        elif line.lstrip().startswith("macdef"):
            macro = True
        if macro:
            continue
        for found in _NETRC_TOKEN.finditer(line):
            word: str = found[0]
            # A password may begin with #: a comment stands alone, followed by a space.
            if word == "#" or (word.startswith("#") and not line[: found.start()].strip()):
                break
            yield re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else word


def extract_docker_config(data: bytes, out: Output, _name: str) -> None:
    """One part per credential of a Docker client configuration, labelled with the registry: `auth` is base64 of
    `user:password` and becomes two lines; identity tokens and plain fields are lines as they are.
    """
    for leaf in leaves(data, out):
        if len(leaf.path) < 2:
            continue
        # The old .dockercfg has registries at the top; Kubernetes secrets wrap the same object.
        registry, field = str(leaf.path[-2]), leaf.path[-1]
        if field == "auth" and (plain := _base64_text(leaf.value)):
            lines = _user_password(f"{registry}.", plain)
        elif field in {"auth", "identitytoken", "registrytoken", "password", "username"}:
            lines = [assignment(f"{registry}.{field}", leaf.value)]
        else:
            continue
        out.add("".join(lines), registry, leaf.start, leaf.end)


def _lines(data: bytes, out: Output) -> list[str]:
    """Lines of the beginning of a text file."""
    if len(data) > SETTINGS_BYTES_MAX:
        out.cut()
    return data[:SETTINGS_BYTES_MAX].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")


def _base64_text(value: str) -> str:
    """The text that `value` encodes, or nothing if it does not."""
    try:
        # Docker and npm pad, hand-written files may not; too many equals signs do no harm.
        return base64.b64decode(value + "==", validate=False).decode("utf-8").strip("\0\r\n")
    except ValueError:
        return ""


def _user_password(prefix: str, plain: str) -> list[str]:
    """Lines for `user:password`."""
    user, colon, password = plain.partition(":")
    if not colon:
        return [assignment(f"{prefix}auth.plain", plain)]
    return [assignment(f"{prefix}username", user), assignment(f"{prefix}password", password)]
