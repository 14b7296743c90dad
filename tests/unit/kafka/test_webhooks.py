"""Which repository a webhook's body is about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.git.urls import parse_remote
from gossip.connectors.kafka.webhooks import repository_names
from gossip.flows.watching.events import Directory
from gossip.schemas.units import Target
from tests.support.repo_base import RepoWriter

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = {"ref": "x", "repository": {"full_name": "Ada/App", "clone_url": "https://github.example/Ada/App.git"}}
GITLAB = {
    "object_kind": "push",
    "project": {"path_with_namespace": "ada/app", "git_ssh_url": "git@gitlab.example:ada/app.git"},
}
BITBUCKET = {"repository": {"full_name": "ada/app", "links": {"html": {"href": "https://bb.example/ada/app"}}}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (GITHUB, (("https://github.example/Ada/App.git",), ("Ada/App",))),
        (GITLAB, (("git@gitlab.example:ada/app.git",), ("ada/app",))),
        (BITBUCKET, (("https://bb.example/ada/app",), ("ada/app",))),
        ({"zen": "hello"}, None),
        ({"repository": "text"}, None),
        ([1], None),
    ],
)
def test_names(body: object, expected: object) -> None:
    """URLs and full names, whatever the product."""
    assert repository_names(json.dumps(body).encode()) == expected


@pytest.mark.parametrize("body", [b"", b"payload=%7B", b"\xff", b"[" * 100_000])
def test_what_is_no_body(body: bytes) -> None:
    """It names nothing."""
    assert repository_names(body) is None


def test_targets_are_found_by_url_or_path(tmp_path: Path) -> None:
    """Case and credentials do not matter; a name alone is the end of a path."""
    folder = tmp_path / "ada" / "app.git"
    folder.parent.mkdir()
    RepoWriter.create(folder, bare=True)
    with (folder / "config").open("a") as config:
        config.write('[remote "origin"]\n\turl = https://user@github.example/ada/app\n')
    directory = Directory((Target("files", "x", "x"), Target("git", str(folder), "app", index=1)), {})
    for body in (GITHUB, GITLAB, BITBUCKET):
        names = repository_names(json.dumps(body).encode())
        assert names is not None
        assert directory.find(*names) == {1}
    assert directory.find(("https://other.example/x/y",), ("x/y", "app")) == set()


def test_a_target_on_a_server_is_found_by_its_url_or_the_end_of_its_path() -> None:
    """Whatever protocol either of them uses, and before it was ever fetched."""
    target = Target("git", "/nowhere/mirrors/1.git", "app")
    directory = Directory((target,), {0: parse_remote("git@github.example:Ada/app.git")})
    assert directory.find(("https://github.example/ada/app.git",), ()) == {0}
    assert directory.find((), ("ada/app",)) == {0}
    assert directory.find(("https://other.example/x/y",), ("da/app",)) == set()
