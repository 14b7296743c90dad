"""The settings of a watch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pygit2

from gossip.flows.watching.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_what_names_stand_for(tmp_path: Path) -> None:
    """Paths, globs and lists, relative to the file that they are in; each thing once; what is not there is told."""
    for name in ("a", "b1", "b2", "deep/er/c1", "[x]"):
        (tmp_path / name).mkdir(parents=True)
    pygit2.init_repository(str(tmp_path / "a"), bare=True)
    (tmp_path / "list").write_text("# more\n\n  b2  \ndeep/**/c*\ngone\n")
    config = tmp_path / "watch.yaml"
    config.write_text(
        "interval: 2m\nmin_confidence: 3\ndecode: off\ntargets:\n"
        "  - a\n  - {path: 'b*', interval: 500ms, gitignore: true}\n  - {file: list, interval: 7}\n  - '[x]'\n"
    )
    found = load_settings(os.path.relpath(config), tenant_key=bytes(32))
    described = [
        (os.path.relpath(t.location, tmp_path), t.kind, float(t.option("interval")), t.option("gitignore"), t.index)
        for t in found.config.targets
    ]
    assert described == [
        ("a", "git", 120.0, "", 0),
        ("b1", "files", 0.5, "yes", 1),
        ("b2", "files", 0.5, "yes", 2),
        ("deep/er/c1", "files", 7.0, "", 3),
        ("[x]", "files", 120.0, "", 4),
    ]
    assert [os.path.relpath(name, tmp_path) for name in found.absent] == ["gone"]
    assert [os.path.relpath(name, tmp_path) for name in found.files] == ["watch.yaml", "list"]
    assert (found.config.min_confidence, found.config.decode) == (3, "off")
    before = found.signature()
    (tmp_path / "list").write_text("b2\n")
    assert found.signature() != before
