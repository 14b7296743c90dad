"""Alerts and the dashboard ask for series that a watch shows, in PromQL that parses; each alert has a runbook."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from gossip.flows.watching.metrics import CommitClock, Metrics
from gossip.flows.watching.serving import Board, _metrics
from gossip.operators.rounds import Rounds
from tests.support.cli import ROOT

_NAME = re.compile(r"\bgossip_\w+")
_SERIES = re.compile(r"^# TYPE (\S+) (\S+)$", re.MULTILINE)


def series() -> dict[str, str]:
    """Type by name of all that a watch shows."""
    metrics, board = Metrics(), Board()
    metrics.begin(["a"], Rounds(1), CommitClock(1), rules=1, absent=0)
    metrics.standing.put(parked=0, files=1, size=1)
    board.put(metrics.text(), ready=True)
    return dict(_SERIES.findall(_metrics(board)[1].decode()))


def alerts() -> list[dict[str, Any]]:
    """The rules."""
    found = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    assert set(found) == {"groups"}
    (group,) = found["groups"]
    assert set(group) == {"name", "rules"}
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> list[str]:
    """PromQL of the alerts and of the dashboard, its variables filled in."""
    panels = json.loads((ROOT / "deploy/grafana/gossip.json").read_text())["panels"]
    shown = [target["expr"].replace("$instance", ".*") for panel in panels for target in panel["targets"]]
    return [rule["expr"] for rule in alerts()] + shown


def test_rules_are_rules() -> None:
    """The keys of Prometheus, a severity, words, and a `for` that is a duration."""
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "runbook"}
        assert re.fullmatch(r"\d+[smhd]", rule.get("for", "1m"))


def test_every_alert_has_a_runbook() -> None:
    """A heading of docs/operations.md, with something below it; and no heading is left over."""
    text = (ROOT / "docs/operations.md").read_text()
    part = text.partition("\n## Runbook\n")[2].partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)\n\n(.+)", part, re.MULTILINE)
    assert [name for name, _ in headings] == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_only_series_that_exist_are_asked_for() -> None:
    """By name; counters by way of a rate or an increase, gauges never."""
    known = series()
    for text in expressions():
        names = _NAME.findall(text)
        assert names or text.startswith("up{"), text
        for name in names:
            assert name in known, name
            rated = re.search(rf"(?:rate|increase)\({name}\b", text) is not None
            assert rated == (known[name] == "counter"), text


def test_expressions_parse() -> None:
    """By a parser of PromQL."""
    parser = pytest.importorskip("promql_parser")
    for text in expressions():
        parser.parse(text)


def test_the_dashboard_is_one() -> None:
    """Panels have ids of their own and do not overlap; variables are defined."""
    found = json.loads((ROOT / "deploy/grafana/gossip.json").read_text())
    panels = found["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(found))) - {"__all"}
    assert used == {variable["name"] for variable in found["templating"]["list"]}
    assert all(panel["title"] and panel["targets"] for panel in panels)
