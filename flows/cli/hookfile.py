"""The file that Git runs, and the folder that it has to be in."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossip.connectors.report.display import visible
from gossip.schemas.errors import MisuseError

if TYPE_CHECKING:
    import pygit2

MARK = "# gossip-hook: made by `gossip install-hook`"
CHAINED, ASIDE = ".before-gossip", ".replaced-by-gossip"
"""Suffixes of hooks that were there before: one is run first, the other is only kept."""
_FILES = frozenset({"baseline", "rules", "tenant_key_file"})
"""Options that name files: a hook runs elsewhere."""
GONE = 125
"""What the Python of a hook answers when it has no Gossip any more."""

_SCRIPT = """#!/bin/sh
{mark}; `gossip install-hook --remove --type {kind}` takes it away.
python={python}
chained="$(dirname "$0")/{kind}{chained}"
{read}if [ -x "$chained" ]; then
    {feed}"$chained" "$@" || exit $?
fi
if [ -x "$python" ]; then
    {feed}"$python" -P -c 'import sys
try:
    from gossip.flows.cli.main import main
except ModuleNotFoundError as error:
    sys.exit({gone} if (error.name or "").startswith("gossip") else str(error))
main()' hook {words} "$@"
    code=$?
    [ "$code" -eq {gone} ] || exit "$code"
fi
if command -v gossip >/dev/null 2>&1; then
    {feed}gossip hook {words} "$@"
    exit $?
fi
echo "gossip: the Python that this hook was installed with is gone ($python), and there is no gossip on PATH." >&2
echo "gossip: install Gossip and run: gossip install-hook --type {kind}; or take the hook away: rm \\"$0\\"" >&2
exit 2
"""


def script(kind: str, options: list[str]) -> str:
    """The shell script of a hook. Its Python does not look for modules in the folder that it runs in: a repository
    could bring its own.
    """
    reads = kind != "pre-commit"
    return _SCRIPT.format(
        mark=MARK,
        kind=kind,
        python=shlex.quote(sys.executable),
        chained=CHAINED,
        read='input=$(cat)\nfeed() { [ -z "$input" ] || printf \'%s\\n\' "$input"; }\n' if reads else "",
        feed="feed | " if reads else "",
        gone=GONE,
        words=shlex.join([kind, *options]),
    )


def script_options(values: Mapping[str, Any]) -> list[str]:
    """The options of `gossip hook` as words, those left out that were not given. Files are named in full."""
    words: list[str] = []
    names = {"enabled_rules": "--enable-rule", "disabled_rules": "--disable-rule"}
    for name, value in sorted(values.items()):
        option = names.get(name, "--" + name.replace("_", "-"))
        if value is True:
            words.append(option)
        elif isinstance(value, tuple):
            words.extend(f"{option}={item}" for item in value)
        elif value:
            words.append(f"{option}={os.path.abspath(value) if name in _FILES else value}")
    return words


class Installer:
    """Puts hooks into one repository."""

    def __init__(self, location: str) -> None:
        """Raises MisuseError where there is no repository."""
        from gossip.connectors.git.repository import Repository

        repository = Repository(location, location)
        self._shared = False
        self.folder = self._folder(repository.git, repository.common, repository.workdir)

    def _folder(self, git: pygit2.Repository, common: Path, workdir: bytes | None) -> Path:
        """Where Git looks for hooks: a setting names the folder, relative to where hooks run."""
        from pygit2.enums import ConfigLevel

        named, level = "", 0
        for entry in git.config:
            if entry.name.lower() == "core.hookspath":
                named, level = entry.value or "", int(entry.level)
        if not named:
            return common.absolute() / "hooks"
        self._shared = level < int(ConfigLevel.LOCAL)
        root = Path(os.fsdecode(workdir)) if workdir is not None else common
        return root.absolute() / Path(named).expanduser()

    def install(self, kind: str, options: list[str], *, append: bool, force: bool) -> list[str]:
        """Write the hook; returns what was done, a line each. Raises MisuseError where another hook is in the way."""
        path = self.folder / kind
        said: list[str] = []
        if self._shared and not force:
            raise MisuseError(
                f"{visible(str(self.folder))}: core.hooksPath of your own settings names it, and all your repositories "
                "share it; pass --force to install there, or set core.hooksPath in the repository"
            )
        known = os.path.lexists(path)
        if known and not is_ours(path):
            if not append and not force:
                raise MisuseError(
                    f"{visible(str(path))}: there is a hook already; --append runs it before Gossip's, "
                    "--force puts it aside"
                )
            aside = path.with_name(kind + (CHAINED if append else ASIDE))
            if os.path.lexists(aside):
                raise MisuseError(f"{visible(str(aside))}: is in the way; move it elsewhere first")
            path.rename(aside)
            what = "runs first, from" if append else "is kept, and not run, in"
            said.append(f"the hook that was there {what} {visible(str(aside))}")
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{kind}-{secrets.token_hex(8)}")
        temporary.write_text(script(kind, options), encoding="utf-8", errors="surrogateescape")
        temporary.chmod(0o755)
        temporary.replace(path)
        verb = "renewed" if known and not said else "installed"
        return [*said, f"{verb} {visible(str(path))}"]

    def remove(self, kind: str) -> list[str]:
        """Take the hook away; returns what was done. Raises MisuseError where the hook is somebody else's."""
        path = self.folder / kind
        if not os.path.lexists(path):
            return [f"there is no {visible(str(path))}"]
        if not is_ours(path):
            raise MisuseError(f"{visible(str(path))}: not made by Gossip; it stays")
        path.unlink()
        said = [f"removed {visible(str(path))}"]
        for suffix in (CHAINED, ASIDE):
            before = path.with_name(kind + suffix)
            if os.path.lexists(before) and not os.path.lexists(path):
                before.rename(path)
                said.append(f"put back what was there before, from {visible(str(before))}")
        return said


def is_ours(path: Path) -> bool:
    """Whether a hook was made by Gossip."""
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(4096)
    except OSError:
        return False
