"""What the documentation says about coordination works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossip.engine.shards import errors
from gossip.engine.shards import shard as transitions
from gossip.engine.shards.book import Book
from gossip.schemas.errors import GossipError
from gossip.schemas.ledger import Status

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "coordination.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example: str) -> None:
    """As it is printed, with its assertions."""
    exec(compile(example, "coordination.md", "exec"), {})


def test_there_is_an_example() -> None:
    """The test above would hold of none."""
    assert len(EXAMPLES) == 1


def test_every_operation_of_a_shard_is_in_the_table() -> None:
    """By the name that it has in the book too."""
    public = {name for name, value in vars(transitions).items() if callable(value) and not name.startswith("_")}
    operations = {name for name in public if getattr(transitions, name).__module__ == transitions.__name__}
    assert {name for name in operations if f"`{name}`" not in TEXT or not hasattr(Book, name)} == set()


def test_named_errors_exist() -> None:
    """Conditions of the table are classes, and classes are in the table or are misuse."""
    section = TEXT.split("## Errors")[1].split("## ")[0]
    rows = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    for base, _, conditions in rows:
        kind = getattr(errors, base.strip(" `"))
        names = [name for name in conditions.replace(",", " ").split() if name[0].isupper()]
        assert all(issubclass(getattr(errors, f"{name}Error"), kind) for name in names)
        assert issubclass(kind, GossipError)


def test_ranks_are_those_of_the_ledger() -> None:
    """The table shows what is stored."""
    table = dict(re.findall(r"^\| (\w+) \| (\d+) \|", TEXT, re.MULTILINE))
    assert table == {one.name.title().replace("_", ""): str(int(one)) for one in Status}
