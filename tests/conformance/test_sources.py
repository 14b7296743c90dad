"""Every source of this project keeps the contract."""

from __future__ import annotations

import functools
import http.server
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import pygit2
import pytest

from gossip.connectors.conformance import SourceContract, World
from gossip.connectors.files.source import FileSource
from gossip.connectors.git.source import GitSource
from gossip.connectors.objects.access import use_options
from gossip.connectors.objects.asking import RetryPolicy
from gossip.connectors.objects.source import ObjectSource
from gossip.schemas.units import Target
from tests.support import s3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONTENT: Mapping[bytes, bytes] = {
    **{f"many/{number:03}.txt".encode(): b"content %d" % number for number in range(600)},
    b"a/deep/er/one.txt": b"one",
    b"a.txt": b"before the folder of the same name",
    b"empty.bin": b"",
    b"large.bin": b"".join(b"%08d" % number for number in range(1_200_000)),
    "odd/\u00e4 b#c%20.txt".encode(): b"a name",
}
POLICY = RetryPolicy(base=0.001, deadline=5)
source = functools.partial(ObjectSource, policy=POLICY)


def write(root: Path, content: Mapping[bytes, bytes]) -> None:
    """Files of a folder."""
    for path, data in content.items():
        file = root / path.decode()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def changed(put: Callable[[str, bytes], object], path: bytes = b"many/300.txt") -> Callable[[], bytes]:
    """Gives one document another content, of another length."""

    def change() -> bytes:
        put(path.decode(), b"another content")
        return path

    return change


def removed(remove: Callable[[str], object], path: bytes = b"many/301.txt") -> Callable[[], bytes]:
    """Removes one document."""

    def gone() -> bytes:
        remove(path.decode())
        return path

    return gone


class TestFiles(SourceContract):
    """A folder."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        """A folder, and links and slashes that lead to it."""
        root = tmp_path / "tree"
        write(root, CONTENT)
        (tmp_path / "link").symlink_to(root)
        return World(
            FileSource,
            Target("files", str(root), "tree"),
            CONTENT,
            change=changed(lambda path, data: (root / path).write_bytes(data)),
            remove=removed(lambda path: (root / path).unlink()),
            broken=[Target("files", str(tmp_path / "none"), "none")],
            spellings=[Target("files", f"{root}/", "tree"), Target("files", str(tmp_path / "link"), "tree")],
        )


class TestGit(SourceContract):
    """A bare repository: its blobs have no paths before a history gives them some."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        """One commit."""
        root = tmp_path / "repo.git"
        made = pygit2.init_repository(str(root), bare=True)
        index = pygit2.Index()
        content = {path: data for path, data in CONTENT.items() if path != b"large.bin"}
        for path, data in content.items():
            index.add(pygit2.IndexEntry(path.decode(), made.create_blob(data), pygit2.enums.FileMode.BLOB))

        def commit() -> None:
            author = pygit2.Signature("A", "a@example.org", 1_700_000_000, 0)
            parents = [] if made.head_is_unborn else [made.head.target]
            made.create_commit("HEAD", author, author, "x", index.write_tree(made), parents)

        commit()
        return World(
            GitSource,
            Target("git", str(root), "repo", (("mode", "history"),)),
            content,
            placed_later=True,
            broken=[Target("git", str(tmp_path / "none"), "none", (("mode", "history"),))],
            spellings=[Target("git", f"{root}/", "repo", (("mode", "history"),))],
        )


class TestMemory(SourceContract):
    """fsspec's own file system in memory: nothing but the general part."""

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> World:
        """A folder of its own."""
        import fsspec

        fs = fsspec.filesystem("memory", skip_instance_cache=True)
        root = f"/{request.node.name}"
        fs.pipe({f"{root}/{path.decode()}": data for path, data in CONTENT.items()})
        request.addfinalizer(lambda: fs.rm(root, recursive=True))
        url = f"memory:/{root}"
        return World(
            source,
            Target("objects", url, url),
            CONTENT,
            change=changed(lambda path, data: fs.pipe(f"{root}/{path}", data)),
            remove=removed(lambda path: fs.rm(f"{root}/{path}")),
            broken=[Target("objects", "memory://nowhere/at-all", "none"), Target("objects", "no-such://x", "none")],
            spellings=[Target("objects", f"{url}/", url)],
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of an S3 server."""
    pytest.importorskip("s3fs")
    with s3.s3_server(tmp_path_factory.mktemp("s3")) as port:
        keys = {f"pre/fix/{path.decode()}": data for path, data in CONTENT.items()}
        s3.fill(port, "bucket", {**keys, "pre/fix2/other": b"not this", "pre/fix/folder/": b""})
        yield port


class TestS3(SourceContract):
    """A bucket of a real server."""

    @pytest.fixture
    def world(self, server: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
        """A bucket with something beside the prefix that begins alike; what a test changes is put back."""
        for name, value in s3.environment(server).items():
            monkeypatch.setenv(name, value)
        use_options({})
        root, url = "bucket/pre/fix", "s3://bucket/pre/fix"
        fs = s3.client(server)

        def put_back() -> None:
            for path in (b"many/300.txt", b"many/301.txt"):
                fs.pipe(f"{root}/{path.decode()}", CONTENT[path])

        if request.node.name in ("test_a_change_is_seen", "test_what_has_gone"):
            request.addfinalizer(put_back)
        return World(
            source,
            Target("objects", url, url),
            CONTENT,
            change=changed(lambda path, data: fs.pipe(f"{root}/{path}", data)),
            remove=removed(lambda path: fs.rm(f"{root}/{path}")),
            broken=[Target("objects", "s3://bucket-none", "n"), Target("objects", "s3://bucket/nothing", "n")],
            spellings=[Target("objects", f"{url}/", url), Target("objects", "s3a://bucket/pre/fix", url)],
            credentials=(s3.WORD,),
        )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class TestWeb(SourceContract):
    """The indexes that Python's own server makes; it gives no ranges, and weak versions."""

    @pytest.fixture
    def world(self, tmp_path: Path, request: pytest.FixtureRequest) -> World:
        """A folder that is served. Keys are as URLs write them."""
        pytest.importorskip("aiohttp")
        # A hundred requests are enough of a server that works on the same interpreter.
        content = {path: data for path, data in CONTENT.items() if path[:5] != b"many/" or path[:7] == b"many/30"}
        write(tmp_path, content)
        made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path)))
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        request.addfinalizer(thread.join)
        request.addfinalizer(made.server_close)
        request.addfinalizer(made.shutdown)
        url = f"http://127.0.0.1:{made.server_address[1]}/"
        return World(
            source,
            Target("objects", url, url),
            {quote(path).encode(): data for path, data in content.items()},
            change=changed(lambda path, data: (tmp_path / path).write_bytes(data)),
            remove=removed(lambda path: (tmp_path / path).unlink()),
            broken=[Target("objects", f"{url}none.txt", "none"), Target("objects", "http://127.0.0.1:1/x/", "none")],
            spellings=[Target("objects", url, url)],
        )


def test_the_contract_notices_a_source_that_loses_something() -> None:
    """A suite that nothing can fail would be worth nothing."""

    class Forgetful(FileSource):
        def open(self, unit):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            yield from list(super().open(unit))[1:]

    world = World(
        cast("Callable[[Target], FileSource]", Forgetful), Target("files", str(Path(__file__).parent), "t"), {}
    )
    with pytest.raises(AssertionError):
        SourceContract().test_full_traversal(world)
