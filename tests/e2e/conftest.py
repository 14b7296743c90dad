"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.cli import TOKEN_RULES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rules(tmp_path: Path) -> str:
    """A rule file that finds the tokens of the tests and nothing else."""
    file = tmp_path / "rules.toml"
    file.write_text(TOKEN_RULES)
    return str(file)
