"""URLs of objects: what they name, and what becomes of their logins."""

from __future__ import annotations

import pytest

from gossip.connectors.objects.access import remember_login, storage_options, use_options
from gossip.connectors.objects.names import check_protocol, is_objects, parse_url
from gossip.flows.run import scan_config
from gossip.schemas.errors import MisuseError

WORD = "some" + "-word"


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("s3://b/k", "s3://b/k", "s3://b/k"),
        ("S3A://b/k/", "s3://b/k/", "s3://b/k/"),
        ("gs://b", "gcs://b", "gs://b"),
        ("az://c/f", "abfs://c/f", "az://c/f"),
        (
            "abfs://c@account.dfs.core.windows.net/f",
            "abfs://c@account.dfs.core.windows.net/f",
            "az://c@account.dfs.core.windows.net/f",
        ),
        ("github://org:repo@main/a", "github://org:repo@main/a", "github://org:repo@main/a"),
        (f"sftp://ada:{WORD}@h:22/a", "sftp://ada@h:22/a", "sftp://ada@h:22/a"),
        (f"https://me:{WORD}@h/x.sql", "https://h/x.sql", "https://h/x.sql"),
        ("zip://*::s3://b/a.zip", "zip://*::s3://b/a.zip", "zip://*::s3://b/a.zip"),
    ],
)
def test_every_spelling(text: str, url: str, shown: str) -> None:
    """One name for each place, without passwords."""
    place = parse_url(text)
    assert (is_objects(text), place.url, place.shown) == (True, url, shown)
    assert WORD not in repr(place) + place.url + place.shown


@pytest.mark.parametrize("text", [f"s3://key:{WORD}@b/k", f"zip://x::https://me:{WORD}@h/a.zip", f"gs://a:{WORD}@b/k"])
def test_logins_where_none_fit(text: str) -> None:
    """Refused, and not shown."""
    with pytest.raises(MisuseError) as raised:
        parse_url(text)
    assert WORD not in str(raised.value)


@pytest.mark.parametrize("text", ["a/b", "-", "git+https://h/x.sql", "https://h/t/app", "ssh://h/x", "https://h/a.git"])
def test_what_is_none(text: str) -> None:
    """Paths, and URLs of Git."""
    assert not is_objects(text)


@pytest.mark.parametrize("name", ["no-such", "file", "reference", "simplecache"])
def test_unknown_protocols(name: str) -> None:
    """One line that says what there is."""
    with pytest.raises(MisuseError, match=rf"nothing here reads {name}://"):
        check_protocol(parse_url(f"{name}://x"))


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line to type is said."""

    def missing(_name: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.get_filesystem_class", missing)
    with pytest.raises(MisuseError, match=r"s3://b: .* pip install 'gossip-scan\[s3\]'"):
        check_protocol(parse_url("s3://b"))


def test_a_login_is_in_no_setting() -> None:
    """Only what connects is told."""
    config = scan_config([f"sftp://ada:{WORD}@h/a"], tenant_key=bytes(32)) if _has("sftp") else None
    place = parse_url(f"sftp://ada:{WORD}@h/a")
    remember_login(place)
    assert WORD not in repr(config)
    assert storage_options(parse_url("sftp://ada@h/a"), 4) == {"username": "ada", "password": WORD}


def _has(name: str) -> bool:
    try:
        check_protocol(parse_url(f"{name}://h/a"))
    except MisuseError:
        return False
    return True


def test_options_go_to_their_store() -> None:
    """Names of the lake's store are translated; those of another provider are left out."""
    use_options({"AWS_ACCESS_KEY_ID": "k", "AWS_REGION": "r", "AZURE_STORAGE_ACCOUNT_NAME": "n", "anon": "true"})
    try:
        found = storage_options(parse_url("s3://b"), 4)
        assert {key: found[key] for key in ("key", "client_kwargs", "anon")} == {
            "key": "k",
            "client_kwargs": {"region_name": "r"},
            "anon": True,
        }
        assert storage_options(parse_url("az://b"), 4) == {"account_name": "n", "anon": True}
    finally:
        use_options({})
