"""URLs of remote repositories, the refs that are chosen in them, and where their logins come from."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gossip.connectors.git.logins import Login, http_logins, key_files
from gossip.connectors.git.selection import RefSelection
from gossip.connectors.git.urls import is_remote, parse_remote
from gossip.schemas.errors import MisuseError
from gossip.schemas.units import Target

WORD = "some" + "-word"


@pytest.mark.parametrize(
    ("text", "url", "name", "identity"),
    [
        ("https://Example.org/t/a.git", "https://example.org/t/a.git", None, "example.org/t/a"),
        ("HTTPS://github.com:443/t/a/", "https://github.com/t/a/", None, "github.com/t/a"),
        ("git+https://example.org/t/a/", "https://example.org/t/a/", None, "example.org/t/a"),
        ("http://example.org:8080/t/a", "http://example.org:8080/t/a", None, "example.org:8080/t/a"),
        ("git://example.org:9418/a", "git://example.org/a", None, "example.org/a"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a", None, "[::1]:8443/a"),
        ("ssh://example.org/t/a", "ssh://git@example.org/t/a", "ssh://example.org/t/a", "example.org/t/a"),
        ("ssh://me@Example.org:22/a", "ssh://me@example.org/a", "ssh://example.org/a", "example.org/a"),
        (f"ssh://me:{WORD}@example.org/a", "ssh://me@example.org/a", "ssh://example.org/a", "example.org/a"),
        ("git@Example.org:t/a.git", "git@example.org:t/a.git", "example.org:t/a.git", "example.org/t/a"),
        ("example.org:t/a.git", "git@example.org:t/a.git", "example.org:t/a.git", "example.org/t/a"),
        ("file:///srv/a%20b.git", "file:///srv/a%20b.git", None, "/srv/a b"),
        (f"https://me:{WORD}@example.org/a", "https://example.org/a", None, "example.org/a"),
        (f"https://{WORD}@example.org/a@b", "https://example.org/a@b", None, "example.org/a@b"),
    ],
)
def test_every_spelling(text: str, url: str, name: str | None, identity: str) -> None:
    """One identity for all protocols, and no password in anything that is shown."""
    assert is_remote(text)
    remote = parse_remote(text)
    assert (remote.url, remote.name, remote.identity) == (url, name or url, identity)
    assert WORD not in repr(remote) + remote.url + remote.name
    assert parse_remote(remote.url).identity == identity


def test_what_is_no_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths, other URLs, and whatever is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "example.org:x").mkdir()
    for text in (
        "-",
        "",
        "a/b",
        "./example.org:x",
        "example.org:x",
        "a:b",
        "C:\\x",
        "s3://b/k",
        "x:",
        "https:/a",
        "https://b/x.sql",
        "http://b/dumps/",
    ):
        assert not is_remote(text), text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://",
            "https:///a",
            f"https://me:{WORD}@/a",
            "https://h/",
            "https://h:port/a",
            "https://h/" + "a" * 5000,
        ),
        *(f"ftp://me:{WORD}@h/a", "https://h/a\nb", "x y"),
    ],
)
def test_bad_urls(text: str) -> None:
    """One line, which repeats no login."""
    with pytest.raises(MisuseError) as caught:
        parse_remote(text)
    assert WORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_logins_come_from() -> None:
    """A token goes to the hosts that it is for, and never over a line that others read."""
    environ = {"GITHUB_TOKEN": "hub", "GITLAB_TOKEN": "lab", "CI_JOB_TOKEN": "job", "CI_SERVER_HOST": "git.corp"}

    def tried(url: str, **more: str) -> list[tuple[str, str, str]]:
        found = http_logins(parse_remote(url), {**environ, **more, "PATH": "/nowhere"})
        return [(where, *login) for where, login in found]

    assert tried("https://github.com/a/b") == [("GITHUB_TOKEN", "x-access-token", "hub")]
    assert tried("https://gitlab.com/a/b")[0] == ("GITLAB_TOKEN", "oauth2", "lab")
    assert tried("https://git.corp/a/b")[1] == ("CI_JOB_TOKEN", "gitlab-ci-token", "job")
    assert tried("https://example.org/a") == tried("http://github.com/a") == []
    assert tried("https://ghe.corp/a", GITHUB_SERVER_URL="https://ghe.corp")[0][0] == "GITHUB_TOKEN"
    assert tried("https://example.org/a", GOSSIP_GIT_TOKEN="mine") == [("GOSSIP_GIT_TOKEN", "x-access-token", "mine")]
    assert tried("http://example.org/a", GOSSIP_GIT_TOKEN="mine") == []
    assert tried("http://[::1]:80/a", GOSSIP_GIT_TOKEN="mine", GOSSIP_GIT_USER="me") == [
        ("GOSSIP_GIT_TOKEN", "me", "mine")
    ]
    assert tried("https://me:w%40rd@example.org/a") == [("the URL", "me", "w@rd")]


def test_credential_helpers(tmp_path: Path) -> None:
    """Git's own program is asked, without a person; what it does not know is no login, and it may fail."""
    program = tmp_path / "git"
    program.write_text(
        "#!/bin/sh\n"
        'test "$GIT_TERMINAL_PROMPT$SSH_ASKPASS" = 0 || exit 1\n'
        'while read -r line && test -n "$line"; do echo "$line" >> $0.asked; done\n'
        "echo username=helped; echo password=a=b\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    assert list(http_logins(parse_remote("https://example.org:444/t/a"), environ)) == [
        ("Git's credential helper", Login("helped", "a=b"))
    ]
    assert (tmp_path / "git.asked").read_text() == "protocol=https\nhost=example.org:444\npath=t/a\n"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert list(http_logins(parse_remote("https://example.org/a"), environ)) == []


def test_ssh_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the home folder in a fixed order, or the one that is named."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh"
    folder.mkdir()
    for name in ("id_rsa", "id_ed25519", "id_ed25519.pub", "other"):
        (folder / name).touch()
    assert key_files({}) == [(folder / "id_ed25519", folder / "id_ed25519.pub"), (folder / "id_rsa", None)]
    assert key_files({"GOSSIP_GIT_SSH_KEY": "~/.ssh/other"}) == [(folder / "other", None)]
    assert key_files({"GOSSIP_GIT_SSH_KEY": "~/.ssh/none"}) == []


NAMES = ["HEAD", "refs/heads/main", "refs/heads/release/1", "refs/heads/main-2", "refs/tags/v1", "refs/pull/1/head"]
NAMES += ["refs/remotes/origin/main", "refs/remotes/origin-fork/main"]


@pytest.mark.parametrize(
    ("included", "excluded", "selected"),
    [
        ((), (), NAMES),
        (("main",), (), ["refs/heads/main"]),
        (("refs/heads/*",), ("main*",), ["refs/heads/release/1"]),
        (("release/*", "v?"), (), ["refs/heads/release/1", "refs/tags/v1"]),
        (("HEAD",), (), ["HEAD"]),
        ((), ("refs/*",), ["HEAD"]),
        (("origin/*",), (), ["refs/remotes/origin/main"]),
        (("refs/pull/[0-9]/head",), (), ["refs/pull/1/head"]),
    ],
)
def test_selections(included: tuple[str, ...], excluded: tuple[str, ...], selected: list[str]) -> None:
    """Whole names, or short ones of branches, tags and remote-tracking branches."""
    selection = RefSelection(included, excluded)
    selection.check()
    assert [name for name in NAMES if selection.selects(name)] == selected
    assert [name for name in NAMES if selection.selects(name.encode())] == selected
    again = RefSelection.of(Target("git", "x", "x", tuple(selection.options().items())))
    assert [name for name in NAMES if again.selects(name)] == selected


def test_selections_that_are_refused() -> None:
    """What can be no name, and what is not there. A repository without refs may be empty."""
    for bad in ("", "a b", "a^", "a:b", "\n"):
        with pytest.raises(MisuseError, match="no ref has such a name"):
            RefSelection((bad,)).check()
    with pytest.raises(MisuseError, match="has no ref none"):
        RefSelection(("main", "none")).verify("repo", NAMES)
    with pytest.raises(MisuseError, match="none of its 8 refs"):
        RefSelection(("zzz*",)).verify("repo", NAMES)
    RefSelection(("main", "zzz*")).verify("repo", NAMES)
    RefSelection(("none",)).verify("repo", [])
