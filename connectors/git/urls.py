"""Names of repositories on other machines: which texts are URLs, what they name, and the login that some carry.

>>> remote = parse_remote("https://bot:word@Example.org:443/team/app.git")
>>> remote.url, remote.identity, remote.login
('https://example.org/team/app.git', 'example.org/team/app', ('bot', 'word'))
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from gossip.schemas.errors import MisuseError

DEFAULT_PORTS = MappingProxyType({"file": 0, "git": 9418, "http": 80, "https": 443, "ssh": 22})
"""Every scheme of a Git repository, and the port that need not be said."""

URL_CHARS_MAX = 4096
FORGES = frozenset({"bitbucket.org", "codeberg.org", "gitea.com", "github.com", "gitlab.com"})
"""Hosts whose every short path is a repository, whatever it looks like."""
_GIT_OVER = "git+"
"""Before `http` or `https`: a repository, though its name looks like a file's or an index's."""
_FILE_NAME = re.compile(r"/|[^/]*\.[a-z0-9]{1,10}", re.IGNORECASE)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(?:([^/]*)@)?([^/]*)(.*)", re.IGNORECASE | re.DOTALL)
_SCP_LIKE = re.compile(r"(?:([^/@:]+)@)?(\[[^\]/]+\]|[^/:@\[]+):(?!//)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9a-z:.%]+\]|[^:\[\]]*)(?::(\d*))?", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")


class Login(NamedTuple):
    """A user and a password, or a token in its place. Never written down or shown."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on another machine."""

    url: str
    """What to connect to. No password is in it, and no user but that of SSH, who is no secret."""
    scheme: str
    host: str
    """In small letters; with its port, if that is not the usual one. Empty for `file`."""
    path: str
    user: str = ""
    """Of SSH; empty for other schemes."""
    login: Login | None = field(default=None, repr=False)
    """What the URL carried."""

    @property
    def identity(self) -> str:
        """What names the repository in every clone: host/path, whatever the protocol."""
        return normal_url(self.url)

    @property
    def name(self) -> str:
        """How it is shown: the URL, without any user."""
        return self.url.replace(f"{self.user}@", "", 1) if self.user else self.url


def is_remote(text: str) -> bool:
    """Whether a target names a repository on another machine: by the URL of a protocol of Git, or as `user@host:path`.

    A path that is there is a path.
    """
    if os.path.lexists(text):
        return False
    found = _URL.fullmatch(text)
    if found:
        scheme = found[1].lower()
        if scheme in ("http", "https"):
            return not _is_web(found[3].lower(), found[4])
        return scheme.removeprefix(_GIT_OVER) in DEFAULT_PORTS
    scp = _SCP_LIKE.fullmatch(text)
    return scp is not None and bool(scp[3]) and (scp[1] is not None or "." in scp[2].strip("."))


def _is_web(host: str, path: str) -> bool:
    """Whether a URL of a web server names a file, or an index of files, rather than a repository.

    >>> [_is_web("example.org", path) for path in ("/t/a", "/t/a.git", "/dump.sql", "/dumps/", "/a?raw=1")]
    [False, False, True, True, True]
    >>> _is_web("github.com", "/mrdoob/three.js"), _is_web("github.com", "/a/b/raw/main/x.txt")
    (False, True)
    """
    plain = path.partition("?")[0].partition("#")[0]
    if (
        plain.rstrip("/").endswith(".git")
        or not plain
        or (host.partition(":")[0] in FORGES and plain.strip("/").count("/") <= 1)
    ):
        return False
    return "?" in path or plain.endswith("/") or _FILE_NAME.fullmatch(plain.rpartition("/")[2]) is not None


def parse_remote(text: str) -> Remote:
    """Take a target's URL apart. Raises MisuseError, which does not repeat what stands before an `@`."""
    if text[: len(_GIT_OVER)].lower() == _GIT_OVER:
        text = text[len(_GIT_OVER) :]
    shown = text.rpartition("@")[2][:200]
    if _UNPRINTABLE.search(text) or len(text) > URL_CHARS_MAX:
        raise MisuseError(f"a URL with white space or control characters in it, or over {URL_CHARS_MAX} characters")
    found = _URL.fullmatch(text)
    if found is None:
        scp = _SCP_LIKE.fullmatch(text)
        if scp is None or not scp[3]:
            raise MisuseError(f"{shown}: not a URL of a Git repository")
        user = scp[1] or "git"
        host = scp[2].lower()
        # Not as ssh://: there a path begins at the root, here at the user's home.
        return Remote(f"{user}@{host}:{scp[3]}", "ssh", host, scp[3], user)
    scheme = found[1].lower()
    if scheme not in DEFAULT_PORTS:
        raise MisuseError(f"{shown}: Git is not spoken over {scheme}; use one of {', '.join(sorted(DEFAULT_PORTS))}")
    if scheme == "file":
        return Remote(f"file://{found[4]}", scheme, "", unquote(found[4]))
    host = _normal_host(found[3], DEFAULT_PORTS[scheme])
    if host is None or not found[4].strip("/"):
        raise MisuseError(f"{shown}: a URL needs a host and a path, as https://example.org/team/app.git")
    user, _, password = (found[2] or "").partition(":")
    if scheme == "ssh":
        user = unquote(user) or "git"
        return Remote(f"ssh://{user}@{host}{found[4]}", scheme, host, found[4], user)
    login = Login(unquote(user), unquote(password)) if found[2] else None
    return Remote(f"{scheme}://{host}{found[4]}", scheme, host, found[4], login=login)


def _normal_host(text: str, default_port: int) -> str | None:
    """Host in small letters, its port only where it is not the default; None if there is none."""
    found = _HOST.fullmatch(text)
    if found is None or not found[1]:
        return None
    port = found[2] if found[2] and int(found[2]) != default_port else ""
    return found[1].lower() + (f":{int(port)}" if port else "")


def normal_url(url: str) -> str:
    """host/path of a remote's URL: one form for https, ssh and scp-like spellings, without credentials.

    >>> normal_url("git@Example.org:team/app.git"), normal_url("https://bot:pw@example.org:443/team/app/")
    ('example.org/team/app', 'example.org/team/app')
    """
    found = _URL.fullmatch(url[len(_GIT_OVER) :] if url[: len(_GIT_OVER)].lower() == _GIT_OVER else url)
    if found and found[1].lower() != "file":
        host = _normal_host(found[3], DEFAULT_PORTS.get(found[1].lower(), 0)) or found[3].lower()
        path = found[4]
    else:
        scp = _SCP_LIKE.fullmatch(url)
        if found or not scp:
            path = unquote(found[4]) if found else url
            return os.path.realpath(path).removesuffix("/").removesuffix(".git")
        host, path = scp[2].lower(), scp[3]
    return f"{host}/{path.strip('/').removesuffix('.git')}"
