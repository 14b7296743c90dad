"""Labels and findings in the forms in which others write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gossip.engine.evaluation.corpora import read_counts, read_creddata, read_manifest
from gossip.engine.evaluation.model import Hit, Label
from gossip.engine.evaluation.readers import read_hits
from gossip.schemas.errors import MisuseError

OURS = "path,line_start,line_end,value_start,value_end,ground_truth,category\n"
META = "Id,RepoName,FilePath,LineStart,LineEnd,GroundTruth,ValueStart,ValueEnd,Category\n"


def test_rows_of_both_kinds() -> None:
    """Both headings are read; rows without lines are left out; a broken range ends in its first line."""
    rows = OURS + "data/r/a.py,3,4,-1,-1,T,Password\ndata/r/a.py,-1,-1,-1,-1,F,Key\ndata/r/b.py,9,2,0,5,X,Token\n"
    expected = [Label("data/r/a.py", 3, 4, "T", "Password"), Label("data/r/b.py", 9, 9, "X", "Token")]
    assert read_creddata("\ufeff" + rows, "labels.csv") == expected
    assert read_creddata(META + "1,r,data/r/a.py,3,4,T,-1,-1,Password\n", "m.csv") == expected[:1]


def test_manifest() -> None:
    """A category wins over a rule; an array is kept in its order."""
    rows: list[dict[str, Any]] = [
        {"path": "a", "line_start": 1, "line_end": 2, "label": "positive", "rule": "r", "category": "c"},
        {"path": "b", "line_start": 5, "line_end": 5, "label": "placeholder", "rule": "r"},
        {"path": "b", "line_start": 6, "line_end": 6, "label": "negative", "rule": "s"},
    ]
    assert read_manifest(json.dumps(rows), "m.json") == [
        Label("a", 1, 2, "T", "c"),
        Label("b", 5, 5, "X", "r"),
        Label("b", 6, 6, "F", "s"),
    ]


def test_counts() -> None:
    """Comments, a byte order mark, CR LF, and commas in a path."""
    assert read_counts("\ufeff# head\r\na,b.txt,1,2\r\n\r\nc,0,4\n", "c.csv") == {"a,b.txt": 3, "c": 4}


BAD = [
    (read_creddata, "a,b\n1,2\n", "x: no corpus of this kind"),
    (read_creddata, OURS + "p,one,2,0,0,T,c\n", "x:2: needs two line numbers"),
    (read_creddata, OURS + "p,1,2,0,0,Y,c\n", "x:2: needs two line numbers"),
    (read_manifest, "{", "x: no JSON"),
    (read_manifest, "{}", "x: must be an array"),
    (read_manifest, '[{"path": "a"}]', "x: entry 1: needs path"),
    (read_manifest, '[{"path":"a","line_start":2,"line_end":1,"label":"negative","rule":"r"}]', "x: entry 1: lines 2"),
    (read_counts, "a,1\n", "x:1: needs a path and two counts"),
    (read_counts, "a,1,1\na,2,2\n", "x:2: a comes twice"),
    (read_hits, "nonsense", "x: neither JSON"),
    (read_hits, '{"rule_id": 1}', "x: not the output of a known scanner"),
    (read_hits, '[{"RuleID": "r"}]', "x: not the output of a known scanner"),
]


@pytest.mark.parametrize(("reader", "text", "message"), BAD, ids=range(len(BAD)))
def test_what_is_none_is_refused(reader: Any, text: str, message: str) -> None:
    """The message names the file and the row."""
    with pytest.raises(MisuseError, match=f"^{message}"):
        reader(text, "x")


GOSSIP = {"type": "finding", "path": "a", "line": 2, "end_line": 3, "rule_id": "r", "confidence": 7}
SARIF_PLACE = {"physicalLocation": {"artifactLocation": {"uri": "a%20b"}, "region": {"startLine": 4}}}
KING = {"rule": {"id": "r"}, "finding": {"path": "a", "line": 6, "confidence": "high"}}
BETTER = {"finding": {"rule_id": "r", "confidence": "low", "location": {"path": "a", "start_line": 1, "end_line": 2}}}
FORMS: list[tuple[str, list[Hit]]] = [
    ("", []),
    (json.dumps(GOSSIP) + "\n" + json.dumps({"type": "summary", "findings": 1}), [Hit("a", 2, 3, "r", 7.0)]),
    (
        json.dumps({"runs": [{"results": [{"ruleId": "r", "level": "error", "locations": [SARIF_PLACE]}]}, {}]}),
        [Hit("a b", 4, 4, "r", 8.0)],
    ),
    (json.dumps({"findings": [KING]}), [Hit("a", 6, 6, "r", 8.0)]),
    ("\n".join(map(json.dumps, (KING, {"findings": 1}, {"audit": {}}))), [Hit("a", 6, 6, "r", 8.0)]),
    ("\n".join(map(json.dumps, (BETTER, {"scan": {}, "schema_version": "1"}))), [Hit("a", 1, 2, "r", 2.0)]),
    (json.dumps([{"RuleID": "r", "File": "a", "StartLine": 3, "EndLine": 5}]), [Hit("a", 3, 5, "r", 5.0)]),
    (
        json.dumps({"results": {"a": [{"type": "Secret Keyword", "line_number": 9}]}}),
        [Hit("a", 9, 9, "Secret Keyword", 5.0)],
    ),
    (
        json.dumps(
            [
                {"rule": "r", "ml_probability": 0.75, "line_data_list": [{"path": "a", "line_num": n} for n in (8, 7)]},
                {
                    "rule": "s",
                    "ml_probability": None,
                    "confidence": "weak",
                    "line_data_list": [{"path": "a", "line_num": 1}],
                },
            ]
        ),
        [Hit("a", 7, 8, "r", 7.5), Hit("a", 1, 1, "s", 2.0)],
    ),
]


@pytest.mark.parametrize(("text", "hits"), FORMS, ids=range(len(FORMS)))
def test_findings_of_every_scanner(text: str, hits: list[Hit]) -> None:
    """One finding in each form; lines that are none are passed over."""
    assert read_hits(text, "x") == hits
