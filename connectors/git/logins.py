"""Where logins of remote repositories come from. They are handed to libgit2 and to nobody else, and never written down.

In this order, each tried once and only when the server asks: the URL's own; a token of the environment that belongs to
the host; Git's credential helpers. For SSH: the agent, then the keys in ~/.ssh.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gossip.connectors.git.urls import Login

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gossip.connectors.git.urls import Remote

TOKEN = "GOSSIP_GIT_TOKEN"  # noqa: S105 - the name of a variable, as the next one
TOKEN_USER = "GOSSIP_GIT_USER"  # noqa: S105
SSH_KEY = "GOSSIP_GIT_SSH_KEY"
HELPER_SECONDS = 15.0
"""How long a credential helper may take; it must not wait for a person."""
SSH_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_HELPER_BYTES_MAX = 1 << 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY_USER = "x-access-token"
"""GitHub and Gitea take any user beside a token."""


def http_logins(remote: Remote, environ: Mapping[str, str]) -> Iterator[tuple[str, Login]]:
    """(where it comes from, login) for HTTP, the likeliest first. Helpers run only when those before were refused."""
    if remote.login is not None:
        yield "the URL", remote.login
    yield from _tokens(remote, environ)
    filled = _from_helpers(remote, environ)
    if filled is not None:
        yield "Git's credential helper", filled


def _tokens(remote: Remote, environ: Mapping[str, str]) -> Iterator[tuple[str, Login]]:
    """Tokens of the environment go to the hosts that they are for, and never over a line that others can read."""
    host = remote.host.rsplit(":", 1)[0] if not remote.host.endswith("]") else remote.host
    if remote.scheme != "https" and host not in _LOOPBACK:
        return
    if environ.get(TOKEN):
        yield TOKEN, Login(environ.get(TOKEN_USER) or _ANY_USER, environ[TOKEN])
    if host in {"github.com", _host_of(environ.get("GITHUB_SERVER_URL", ""))}:
        for name in ("GITHUB_TOKEN", "GH_TOKEN"):
            if environ.get(name):
                yield name, Login(_ANY_USER, environ[name])
    if host in {"gitlab.com", environ.get("CI_SERVER_HOST")}:
        if environ.get("GITLAB_TOKEN"):
            yield "GITLAB_TOKEN", Login("oauth2", environ["GITLAB_TOKEN"])
        if environ.get("CI_JOB_TOKEN"):
            yield "CI_JOB_TOKEN", Login("gitlab-ci-token", environ["CI_JOB_TOKEN"])


def _host_of(url: str) -> str | None:
    return urlsplit(url).hostname


def _from_helpers(remote: Remote, environ: Mapping[str, str]) -> Login | None:
    """What `git credential fill` says, asking no person. None without a git binary."""
    git = shutil.which("git", path=environ.get("PATH"))
    if git is None:
        return None
    asked = {"protocol": remote.scheme, "host": remote.host, "path": remote.path.strip("/")}
    if remote.login is not None and remote.login.user:
        asked["username"] = remote.login.user
    question = "".join(f"{key}={value}\n" for key, value in asked.items()) + "\n"
    silent = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "GCM_INTERACTIVE": "never"}
    try:
        done = subprocess.run(
            [git, "-c", "core.askPass=", "credential", "fill"],
            input=question.encode(),
            capture_output=True,
            timeout=HELPER_SECONDS,
            check=False,
            cwd=os.path.sep,
            env={**environ, **silent},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    lines = done.stdout[:_HELPER_BYTES_MAX].decode("utf-8", "replace").splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return Login(found.get("username", ""), found["password"]) if found.get("password") else None


def key_files(environ: Mapping[str, str]) -> list[tuple[Path, Path | None]]:
    """(private, public) key files for SSH that are there, in order. GOSSIP_GIT_SSH_KEY names the only one."""
    if environ.get(SSH_KEY):
        paths = [Path(environ[SSH_KEY]).expanduser()]
    else:
        paths = [Path("~/.ssh").expanduser() / name for name in SSH_KEYS]
    found = []
    for path in paths:
        if path.is_file():
            public = path.with_name(path.name + ".pub")
            found.append((path, public if public.is_file() else None))
    return found
