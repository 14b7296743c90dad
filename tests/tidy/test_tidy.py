"""House rules, kept by machine. They may only tighten: lower a limit when you can, never raise one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy import rules
from tests.tidy.rules import FILE_LINES_MAX, FUNCTION_LINES_MAX, Rule

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("connectors", "engine", "flows", "operators", "schemas")
TEXT_SUFFIXES = {".cfg", ".json", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
SKIPPED_FOLDERS = {"__pycache__"}


def files(*folders: str, suffixes: frozenset[str] = frozenset({".py"})) -> list[Path]:
    """Files of the house with one of the suffixes. Read from disk, so that a new file counts before it is tracked."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if not SKIPPED_FOLDERS & set(path.parts))


PRODUCT = files(*PACKAGES)
TESTS = files("tests")
INITS = [path for path in PRODUCT if path.name == "__init__.py"]
PRODUCT_TEXTS = files(*PACKAGES, suffixes=frozenset(TEXT_SUFFIXES))

CHECKS: list[tuple[Rule, list[Path]]] = [
    (rules.long_file, PRODUCT + TESTS),
    (rules.long_functions, PRODUCT + TESTS),
    (rules.missing_docstrings, PRODUCT),
    (rules.logic_in_init, INITS),
    (rules.machine_paths, PRODUCT_TEXTS),
    (rules.unfinished, PRODUCT),
    (rules.undocumented_tests, TESTS),
]


@pytest.mark.parametrize(("rule", "paths"), CHECKS, ids=[rule.__name__ for rule, _ in CHECKS])
def test_house_rule(rule: Rule, paths: list[Path]) -> None:
    """No file breaks the rule; the message names each that does."""
    assert paths, "no file to check: the rule would hold of nothing"
    complaints = [
        f"{path.relative_to(ROOT)}: {complaint}" for path in paths for complaint in rule(path.read_text("utf-8"))
    ]
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_package_folder_has_an_init() -> None:
    """A folder of modules without `__init__.py` would be skipped by import-linter without a word."""
    folders = {path.parent for path in PRODUCT}
    assert sorted(str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()) == []


def long_function(code: int, *, comments: int = 0) -> str:
    """A function of exactly `code` lines of code."""
    lines = [
        'def f() -> None:\n    """Say.\n\n    More.\n    """',
        *["    # why\n"] * comments,
        *["    x = 1"] * (code - 1),
    ]
    return "\n".join(lines) + "\n"


BREAKS: list[tuple[Rule, str]] = [
    (rules.long_file, "x = 1\n" * (FILE_LINES_MAX + 1)),
    (rules.long_functions, long_function(FUNCTION_LINES_MAX + 1)),
    (rules.long_functions, "class A:\n    async def g(self):\n" + "        x = 1\n" * FUNCTION_LINES_MAX),
    (rules.missing_docstrings, "x = 1\n"),
    (rules.missing_docstrings, '"""M."""\ndef f(): pass\n'),
    (rules.missing_docstrings, '"""M."""\nclass A: pass\n'),
    (rules.missing_docstrings, '"""M."""\nclass A:\n    """A."""\n    def m(self): pass\n'),
    (rules.logic_in_init, "def f(): pass\n"),
    (rules.logic_in_init, "for x in []: pass\n"),
    (rules.machine_paths, "x = '/wor" + "k/main/file'\n"),
    (rules.machine_paths, "see /ro" + "ot/.cache\n"),
    (rules.machine_paths, "# /tm" + "p/abc\n"),
    (rules.unfinished, "def f():\n    raise NotImplemented" + "Error\n"),
    (rules.unfinished, "# TO" + "DO: later\n"),
    (rules.unfinished, "# FIX" + "ME\n"),
    (rules.undocumented_tests, "def test_a(): pass\n"),
    (rules.undocumented_tests, "class TestA:\n    def test_a(self): pass\n"),
]


@pytest.mark.parametrize(("rule", "sample"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_rule_can_fail(rule: Rule, sample: str) -> None:
    """Each rule complains, once, about a sample that breaks it."""
    assert len(rule(sample)) == 1


HOLDS: list[tuple[Rule, str]] = [
    (rules.long_file, "x = 1\n" * FILE_LINES_MAX),
    (rules.long_functions, long_function(FUNCTION_LINES_MAX, comments=40)),
    (rules.missing_docstrings, '"""M."""\ndef _f(): pass\nclass _A: pass\n'),
    (rules.missing_docstrings, '"""M."""\nclass A:\n    """A."""\n    @override\n    def m(self): pass\n'),
    (rules.logic_in_init, '"""M."""\nfrom a import b\n__all__ = ["b"]\ndef __getattr__(name): return name\n'),
    (
        rules.machine_paths,
        "src/wor" + "k/x, https://example.com/tm" + "p/x, {root}/tm" + "p and the /tm" + "p folder\n",
    ),
    (rules.unfinished, "return NotImplemented\n"),
    (rules.undocumented_tests, 'def test_a():\n    """Shows."""\ndef helper(): pass\n'),
]


@pytest.mark.parametrize(("rule", "sample"), HOLDS, ids=lambda value: getattr(value, "__name__", ""))
def test_rule_can_hold(rule: Rule, sample: str) -> None:
    """Each rule is silent about a sample at its limit."""
    assert rule(sample) == []


def test_every_rule_has_both_samples() -> None:
    """No rule is checked against the house without having been seen to fail and to hold."""
    checked = {rule for rule, _ in CHECKS}
    assert checked == {rule for rule, _ in BREAKS} == {rule for rule, _ in HOLDS}
