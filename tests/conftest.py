"""What every test runs under: no trace of the caller's Git or home, one cache of compiled rules, repeatable draws."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pygit2
import pytest

from tests.support.broker import apache, kafka

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A run in CI is judged by its result, so it draws the same examples every time and keeps no database of failures.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI", "").lower() in {"1", "true"} else "dev")

__all__ = ["apache", "kafka"]  # fixtures of all tests

_LEAKS = ("GIT_", "XDG_", "GOSSIP_")
"""Prefixes of variables that would let the caller's machine decide what a test sees."""


def _session_root(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of the whole session: the same for all xdist workers, which have one subfolder each."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(autouse=True, scope="session")
def sealed_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Empty home, no Git settings, and a rule cache that lives as long as the session, so that rules compile once."""
    root = _session_root(tmp_path_factory)
    home, cache = root / "home", root / "gossip-cache"
    home.mkdir(exist_ok=True)
    cache.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_LEAKS)]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        patch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GOSSIP_CACHE_DIR", str(cache))
        # libgit2 read HOME when it was imported; without this the caller's Git settings would still apply.
        levels = (pygit2.enums.ConfigLevel.SYSTEM, pygit2.enums.ConfigLevel.XDG, pygit2.enums.ConfigLevel.GLOBAL)
        before = {level: pygit2.settings.search_path[level] for level in levels}
        for level in levels:
            pygit2.settings.search_path[level] = str(home)
        yield
        for level, path in before.items():
            pygit2.settings.search_path[level] = path
