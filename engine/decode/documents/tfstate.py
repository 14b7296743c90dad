"""Terraform state, versions 3 and 4: attributes with the address of their resource."""

from __future__ import annotations

from itertools import groupby

from gossip.engine.decode.documents.jsontext import Leaf, batches, dotted, leaves
from gossip.engine.decode.documents.limits import NAME_CHARS_MAX
from gossip.engine.decode.documents.parts import Output, assignment

_PLUMBING = frozenset({"mode", "type", "name", "provider", "module", "each", "schema_version"})
"""Fields of a resource that make up its address or say how it is managed."""


def extract_tfstate(data: bytes, out: Output, _name: str) -> None:
    """A part per resource, labelled with its address: a line `aws_db_instance.main.password = "..."` per string
    attribute. Outputs and everything else are parts between them, with their path as the name.
    """
    for index, group in groupby(leaves(data, out), _resource):
        for found in batches(group):
            if index is None:
                text, label = "".join(assignment(_plain(leaf.path), leaf.value) for leaf in found), ""
            else:
                # The address may stand after the attributes: a resource is read as a whole.
                text, label = _resource_text(found)
            out.add(text, label, found[0].start, found[-1].end)


def _resource(leaf: Leaf) -> int | None:
    """Index of the resource that a value of a version 4 state belongs to."""
    path = leaf.path
    return path[1] if len(path) > 2 and path[0] == "resources" and isinstance(path[1], int) else None


def _resource_text(found: list[Leaf]) -> tuple[str, str]:
    """Lines and address of one resource."""
    about = {leaf.path[2]: leaf.value[:NAME_CHARS_MAX] for leaf in found if len(leaf.path) == 3}
    steps = [about.get("module", ""), "data" if about.get("mode") == "data" else ""]
    steps += [about.get("type", ""), about.get("name", "")]
    address = ".".join(step for step in steps if step)
    lines = []
    for leaf in found:
        path = leaf.path[2:]
        if path[0] in _PLUMBING:
            continue
        if path[0] == "instances" and len(path) > 2:
            which = f"[{path[1]}]" if path[1] != 0 else ""
            # Private provider data, deposed keys and the like keep their name.
            path = path[3:] if path[2] in {"attributes", "attributes_flat"} else path[2:]
            lines.append(assignment(f"{address}{which}.{dotted(path)}", leaf.value))
        else:
            lines.append(assignment(f"{address}.{dotted(path)}", leaf.value))
    return "".join(lines), address


def _plain(path: tuple[str | int, ...]) -> str:
    """The name of a value outside the resources of version 4."""
    if len(path) > 6 and path[0] == "modules" and path[2] == "resources" and path[4:6] == ("primary", "attributes"):
        # Version 3: the name of the resource is a key, and attributes are flat.
        return f"{path[3]}.{dotted(path[6:])}"
    if len(path) == 3 and path[0] == "outputs" and path[2] == "value":
        return f"output.{path[1]}"
    return dotted(path)
