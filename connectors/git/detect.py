"""Telling a repository from a folder, without loading libgit2."""

from __future__ import annotations

from pathlib import Path


def is_repository(path: str) -> bool:
    """Whether the path itself is a worktree's root or a bare repository; not whether it lies in one."""
    root = Path(path)
    if (root / ".git").exists():
        return True
    return (root / "HEAD").is_file() and (root / "objects").is_dir() and (root / "refs").is_dir()
