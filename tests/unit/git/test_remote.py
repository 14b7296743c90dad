"""What libgit2 asks while it talks to a server, and what its errors become."""

from __future__ import annotations

from pathlib import Path

import pygit2
import pytest
from pygit2.enums import CredentialType

from gossip.connectors.git.remote import Callbacks, FetchLimits, Refused, explained
from gossip.connectors.git.urls import parse_remote
from gossip.schemas.errors import PermanentError, RetryableError

SSH = parse_remote("me@example.org:t/a")


def test_ssh_logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's name, then the agent, then each key once; in the end one line that says what was tried."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").touch()
    callbacks = Callbacks(SSH, FetchLimits())
    assert callbacks.credentials(SSH.url, None, CredentialType.USERNAME).credential_tuple == ("me",)
    kinds = [type(callbacks.credentials(SSH.url, "me", CredentialType.SSH_KEY)) for _ in range(2)]
    assert kinds == [pygit2.KeypairFromAgent, pygit2.Keypair]
    with pytest.raises(Refused, match=r"^example.org:t/a: login refused \(tried the SSH agent, id_rsa\); load a key"):
        callbacks.credentials(SSH.url, "me", CredentialType.SSH_KEY)
    with pytest.raises(Refused, match="leads to another host"):
        callbacks.credentials("ssh://me@example.com/t/a", "me", CredentialType.SSH_KEY)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("unexpected http status code: 500", RetryableError),
        ("unexpected http status code: 408", RetryableError),
        ("unexpected http status code: 429", RetryableError),
        ("failed to resolve address for x: Temporary failure in name resolution", RetryableError),
        ("early EOF", RetryableError),
        ("SSL error: unexpected eof while reading", RetryableError),
        ("could not read from socket: timed out", RetryableError),
        ("unexpected http status code: 403", PermanentError),
        ("unexpected http status code: 410", PermanentError),
        ("the SSL certificate is invalid", PermanentError),
        ("invalid or unknown remote ssh hostkey", PermanentError),
        ("ERROR: Repository not found.", PermanentError),
        ("remote error: access denied or repository not exported: /x", PermanentError),
        ("too many redirects or authentication replays", Refused),
        ("unexpected http status code: 401", Refused),
    ],
)
def test_classes_of_errors(text: str, kind: type[Exception]) -> None:
    """Whether to try again is told by the class alone."""
    remote = parse_remote("https://example.org/a")
    err = explained(remote, pygit2.GitError(text), Callbacks(remote, FetchLimits()))
    assert type(err) is kind
    assert str(err).startswith("https://example.org/a: ")


def test_an_error_never_repeats_a_login() -> None:
    """Nor does one that holds it in a URL, as it is or quoted."""
    word = "w@rd" + "!12"
    remote = parse_remote("https://me:" + "w%40rd%2112@example.org/a")
    callbacks = Callbacks(remote, FetchLimits())
    callbacks.credentials(remote.url, None, CredentialType.USERPASS_PLAINTEXT)
    text = f"cannot reach https://me:{word}@example.org/a\nnor https://me:w%40rd%2112@example.org/b, says {word}"
    said = str(explained(remote, pygit2.GitError(text), callbacks))
    assert said == ("https://example.org/a: cannot reach https://example.org/a nor https://example.org/b, says ***")
