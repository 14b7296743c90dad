"""What users install holds every module and rule file, as real files under the one import root."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("connectors", "engine", "flows", "operators", "schemas")
SUFFIXES = {".json", ".py", ".toml"}
BACKEND = "from setuptools import build_meta as b; print(b.build_sdist('dist')); print(b.build_wheel('dist'))"


def expected() -> set[str]:
    """Names, inside the distribution, of all product files of the checkout, and the marker of typed packages."""
    found = {path for folder in PACKAGES for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES}
    own = {"gossip/__init__.py", "gossip/__main__.py", "gossip/py.typed"}
    return own | {f"gossip/{path.relative_to(ROOT)}" for path in found}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist and the wheel, built in a copy of the checkout without the network."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("gossip", *PACKAGES):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", BACKEND], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return copy / "dist"


def test_wheel_holds_exactly_the_product(dist: Path) -> None:
    """Every module and rule file is in the wheel, and nothing else is beside its metadata."""
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected()


def test_sdist_holds_the_product_as_real_files(dist: Path) -> None:
    """The sdist has no links: it unpacks where links are not allowed, and builds again."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {member.name.partition("/")[2]: member for member in archive.getmembers()}
    assert expected() <= {name for name, member in members.items() if member.isreg()}
    assert [name for name, member in members.items() if member.issym()] == []


def test_checkout_links_are_relative() -> None:
    """The links of the import root work wherever the checkout is."""
    assert {name: str((ROOT / "gossip" / name).readlink()) for name in PACKAGES} == {n: f"../{n}" for n in PACKAGES}
