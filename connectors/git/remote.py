"""Talking to remote repositories: a list of their refs, errors in our classes, limits of time. The work is libgit2's.

Certificates and SSH host keys are checked by libgit2, and nothing here turns that off.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pygit2
from pygit2.enums import CredentialType, Option

from gossip.connectors.git.logins import SSH_KEY, TOKEN, http_logins, key_files
from gossip.connectors.git.urls import parse_remote
from gossip.schemas.errors import GossipError, MisuseError, PermanentError, RetryableError
from gossip.schemas.rows import without_credentials

if TYPE_CHECKING:
    from gossip.connectors.git.urls import Login, Remote

REASON_CHARS_MAX = 300
_PERMANENT = re.compile(
    r"status code: (40[0-9]|41[0-9])|authentication|certificate|host ?key|not found|does not exist|not exported|denied"
    r"|not permitted|failed to resolve path|could not find repository|unsupported|object format"
    r"|invalid (url|content|pkt)|content[ -]type|unexpected content|too many redirects|cannot redirect|no such file"
)
_USUAL = ("refs/heads/main", "refs/heads/master")
_PASSING = re.compile(r"status code: (408|425|429|5\d\d)")
_HOST_KEY = "the server's key is not in ~/.ssh/known_hosts, or is another one; connect once with ssh to check it"
_HINTS = (
    ("status code: 404", "check the URL; a private repository may need a login"),
    ("status code: 40", "the server refuses this"),
    ("status code: 429", "the server asks for fewer requests; try again later"),
    ("resolve address", "check the name of the host, and the network"),
    ("certificate", "the server's certificate is not trusted; name your CA in SSL_CERT_FILE"),
    ("host key", _HOST_KEY),
    ("hostkey", _HOST_KEY),
    ("failed to resolve path", "no repository is there"),
    ("could not find repository", "no repository is there"),
)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How long a server may take, in seconds."""

    connect: float = 30.0
    """Until the connection stands."""
    stall: float = 60.0
    """Without a byte."""
    total: float = 6 * 3600.0
    """For one fetch."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is."""

    objects: int
    objects_total: int
    bytes: int


class Refused(PermanentError):
    """No login that we have was taken."""


class Callbacks(pygit2.RemoteCallbacks):
    """Answers libgit2 while it talks to one server. For one connection."""

    def __init__(
        self,
        remote: Remote,
        limits: FetchLimits,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        super().__init__()
        self._remote = remote
        self.at = remote
        """Where we really connect to: the user's Git configuration may put another URL in place of this one."""
        self._deadline = time.monotonic() + limits.total
        self._limits = limits
        self._progress = progress
        self._cancelled = cancelled or (lambda: False)
        self._logins = http_logins(remote, os.environ)
        self._keys: Iterator[Any] | None = None
        self.secrets: set[str] = set()
        self.tried: list[str] = []

    def credentials(self, url: str, username_from_url: str | None, allowed_types: CredentialType) -> Any:
        """The next login that was not tried. Raises Refused."""
        asks = _parsed(url)
        if asks is None or (asks.scheme, asks.host) != (self.at.scheme, self.at.host):
            raise Refused(f"{self._remote.name}: leads to another host, which asks for a login; name that URL instead")
        user = username_from_url or self._remote.user or "git"
        if allowed_types & CredentialType.USERPASS_PLAINTEXT and self.at.scheme != "ssh":
            return self._next_login()
        if allowed_types & CredentialType.SSH_KEY:
            if self._keys is None:
                self._keys = self._ssh_keys(user)
            found = next(self._keys, None)
            if found is not None:
                return found
        elif allowed_types & CredentialType.USERNAME:
            return pygit2.Username(user)
        raise self._refused()

    def _next_login(self) -> Any:
        for where, login in self._logins:
            self.tried.append(where)
            self.secrets |= _forms(login)
            return pygit2.UserPass(login.user, login.password)
        raise self._refused()

    def _ssh_keys(self, user: str) -> Iterator[Any]:
        if os.environ.get("SSH_AUTH_SOCK"):
            self.tried.append("the SSH agent")
            yield pygit2.KeypairFromAgent(user)
        for private, public in key_files(os.environ):
            self.tried.append(private.name)
            yield pygit2.Keypair(user, None if public is None else str(public), str(private), "")

    def _refused(self) -> Refused:
        name = self._remote.name
        if self._remote.scheme == "ssh":
            hint = f"load a key into the SSH agent, or name one in {SSH_KEY}"
        else:
            hint = f"set {TOKEN}, or a Git credential helper"
        if self.tried:
            return Refused(f"{name}: login refused (tried {', '.join(self.tried)}); {hint}")
        return Refused(f"{name}: asks for a login, and there is none; {hint}")

    def transfer_progress(self, stats: Any) -> None:
        """Called for every few objects. Raises RetryableError past the deadline or when cancelled."""
        self.check()
        if self._progress is not None:
            self._progress(Progress(stats.received_objects, stats.total_objects, stats.received_bytes))

    def sideband_progress(self, string: str) -> None:
        """Words of the server, which are nobody's business."""
        self.check()

    def check(self) -> None:
        """Whether to go on. Raises RetryableError."""
        if self._cancelled():
            raise RetryableError(f"{self._remote.name}: fetch was cancelled")
        if time.monotonic() > self._deadline:
            raise RetryableError(f"{self._remote.name}: fetch took over {self._limits.total:.0f} s")


def _parsed(url: str) -> Remote | None:
    try:
        return parse_remote(url)
    except MisuseError:
        return None


def _forms(login: Login) -> set[str]:
    from urllib.parse import quote

    return {login.password, quote(login.password, safe=""), quote(login.password)} - {""}


@contextmanager
def talking(remote: Remote, limits: FetchLimits, callbacks: Callbacks) -> Iterator[None]:
    """Time limits for libgit2, and its errors as ours: what the server said, on one line, without any login."""
    # Of the whole process, so that the last one to set them wins; they only bound how long a dead server is waited for.
    pygit2.option(Option.SET_SERVER_CONNECT_TIMEOUT, int(limits.connect * 1000))
    pygit2.option(Option.SET_SERVER_TIMEOUT, int(limits.stall * 1000))
    try:
        yield
    except GossipError:
        raise
    except (pygit2.GitError, KeyError, ValueError, OSError) as err:
        raise explained(remote, err, callbacks) from None


def explained(remote: Remote, err: Exception, callbacks: Callbacks) -> GossipError:
    """An error of libgit2 in the class that says what to do next."""
    text = " ".join(str(err.args[0] if err.args else err).split())
    for secret in sorted(callbacks.secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = without_credentials(text)[:REASON_CHARS_MAX]
    lower = text.lower()
    hint = next((f"; {hint}" for part, hint in _HINTS if part in lower), "")
    said = f"{remote.name}: {text}{hint}"
    if "status code: 401" in lower or "authentication replays" in lower:
        return callbacks._refused()  # noqa: SLF001 - the same module
    if _PERMANENT.search(lower) and not _PASSING.search(lower):
        return PermanentError(said)
    return RetryableError(said)


def connect(remote: Remote, git: Any, callbacks: Callbacks) -> None:
    """Connect a remote of libgit2, where the environment names a proxy through that."""
    callbacks.at = _parsed(git.url) or remote
    git.connect(callbacks=callbacks, proxy=True)


def heads(git: Any) -> tuple[dict[str, str], str]:
    """(object id in hex by ref name, what HEAD names or nothing) of a connected remote; peeled tags are left out.

    Not every server says what HEAD names: then a branch with its commit, as `git clone` guesses.
    """
    found: dict[str, str] = {}
    head = ""
    for each in git.list_heads(connect=False):
        if each.name is None or each.name.endswith("^{}"):
            continue
        found[each.name] = str(each.oid)
        if each.name == "HEAD" and each.symref_target:
            head = each.symref_target
    if not head and "HEAD" in found:
        same = sorted(name for name, oid in found.items() if name.startswith("refs/heads/") and oid == found["HEAD"])
        head = next((name for name in (*_USUAL, *same) if name in same), "")
    return found, head


def remote_tips(remote: Remote, limits: FetchLimits | None = None) -> dict[str, str]:
    """Object id in hex by name of every ref of a remote repository, HEAD included. Nothing is fetched or kept.

    Raises RetryableError (network, 5xx, time-outs) and PermanentError (no such repository, login refused).
    """
    limits = limits or FetchLimits()
    callbacks = Callbacks(remote, limits)
    with talking(remote, limits, callbacks):
        git = pygit2.Repository().remotes.create_anonymous(remote.url)
        connect(remote, git, callbacks)
        return heads(git)[0]
