"""Labels in the forms in which corpora have them. Text in, labels out."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import TYPE_CHECKING

from gossip.engine.evaluation.model import Label, Truth
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHORT = {"path": "path", "first": "line_start", "last": "line_end", "truth": "ground_truth", "category": "category"}
_META = {"path": "FilePath", "first": "LineStart", "last": "LineEnd", "truth": "GroundTruth", "category": "Category"}
_TRUTHS: Mapping[str, Truth] = {"T": "T", "F": "F", "X": "X"}
_MANIFEST: Mapping[str, Truth] = {"positive": "T", "negative": "F", "placeholder": "X"}


def read_creddata(text: str, where: str) -> list[Label]:
    """Rows of a CSV with a heading, ours or that of CredData's `meta` files. Rows without lines (-1) are left out.

    Raises MisuseError, which names `where` and the line.
    """
    rows = csv.DictReader(StringIO(text.removeprefix("\ufeff")))
    fields = rows.fieldnames or ()
    names = next((form for form in (_SHORT, _META) if set(form.values()) <= set(fields)), None)
    if names is None:
        wanted = " or ".join(",".join(form.values()) for form in (_SHORT, _META))
        raise MisuseError(f"{where}: no corpus of this kind; its first line must name the columns {wanted}")
    labels = []
    for row in rows:
        try:
            first, last = int(row[names["first"]]), int(row[names["last"]])
            truth = _TRUTHS[row[names["truth"]]]
        except (KeyError, TypeError, ValueError):
            raise MisuseError(f"{where}:{rows.line_num}: needs two line numbers and one of T, F, X") from None
        if first > 0:
            labels.append(Label(row[names["path"]], first, max(first, last), truth, row[names["category"]] or ""))
    return labels


def read_manifest(text: str, where: str) -> list[Label]:
    """A JSON array of objects: path, line_start, line_end, label (positive, negative, placeholder), rule or category.

    Raises MisuseError for the first object that is not so.
    """
    try:
        rows = json.loads(text)
    except ValueError as err:
        raise MisuseError(f"{where}: no JSON: {err}") from None
    if not isinstance(rows, list):
        raise MisuseError(f"{where}: must be an array of objects")
    labels = []
    for number, row in enumerate(rows, 1):
        try:
            first, last = int(row["line_start"]), int(row["line_end"])
            label = Label(str(row["path"]), first, last, _MANIFEST[row["label"]], "")
            name = str(row.get("category") or row["rule"])
        except (AttributeError, KeyError, TypeError, ValueError):
            keys = "path, line_start, line_end, label (positive, negative or placeholder), rule or category"
            raise MisuseError(f"{where}: entry {number}: needs {keys}") from None
        if not 0 < first <= last:
            raise MisuseError(f"{where}: entry {number}: lines {first} to {last} are no range")
        labels.append(label._replace(category=name))
    return labels


def read_counts(text: str, where: str) -> dict[str, int]:
    """Secrets a file should have, by path: lines of `path,risk,informative`, of which both count. `#` is a comment.

    A path may hold commas. Raises MisuseError for a line of another form and for a path that comes twice.
    """
    expected: dict[str, int] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            path, risk, informative = line.rsplit(",", 2)
            count = int(risk) + int(informative)
        except ValueError:
            raise MisuseError(f"{where}:{number}: needs a path and two counts") from None
        if path in expected:
            raise MisuseError(f"{where}:{number}: {path} comes twice")
        expected[path] = count
    return expected
