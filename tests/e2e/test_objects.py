"""Buckets of a real S3 server behind a proxy that is slow, refuses, breaks off and cuts short."""

from __future__ import annotations

import io
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import s3
from tests.support.cli import TOKEN_RULES, Ran, scan
from tests.support.proxy import Fault, Plan, Proxy
from tests.support.repos import plain_token
from tests.support.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest.importorskip("s3fs")

BUCKET = "bucket"
OBJECTS = 40
LARGE = b"x" * 9_000_000


def tar_of(name: str, data: bytes) -> bytes:
    """A tar with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


CONTENT = {
    **{f"pre/{number:02}.txt": plain_token(number) for number in range(OBJECTS)},
    "pre/large.log": LARGE + b"\n" + plain_token(900) + b"\n" + LARGE,
    "pre/in.tar": tar_of("inner.txt", plain_token(901)),
    "elsewhere.txt": plain_token(999),
}
PATHS = sorted(key.removeprefix("pre/") for key in CONTENT if key.startswith("pre/"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with a bucket."""
    with s3.s3_server(tmp_path_factory.mktemp("s3")) as port:
        s3.fill(port, BUCKET, CONTENT)
        yield port


@pytest.fixture
def through(server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Plan, Callable[..., Ran]]]:
    """What the proxy is to do, and a scan through it."""
    rules = tmp_path / "rules.toml"
    rules.write_text(TOKEN_RULES)
    plan = Plan()
    with Proxy(server, plan) as proxy:
        for name, value in s3.environment(proxy.port).items():
            monkeypatch.setenv(name, value)
        yield plan, lambda *given: scan("--rules", str(rules), *given)


def paths(ran: Ran) -> list[str]:
    """Where findings are."""
    return sorted(found["path"] for found in ran.findings)


def test_a_prefix(through: tuple[Plan, Callable[..., Ran]]) -> None:
    """Everything below it, with paths relative to it, and nothing else; inside archives and large objects too."""
    _, run = through
    ran = run(f"s3://{BUCKET}/pre")
    assert (ran.code, paths(ran), ran.err) == (1, PATHS, b"")
    assert ran.summary["documents"] == len(PATHS)
    one = run(f"s3://{BUCKET}/pre/07.txt")
    assert [(found["path"], found["target"]) for found in one.findings] == [("07.txt", f"s3://{BUCKET}/pre/07.txt")]


@pytest.mark.parametrize("kind", ["status", "truncate", "reset"])
def test_faults_that_pass(through: tuple[Plan, Callable[..., Ran]], kind: str) -> None:
    """Each request fails the first time, one in three a second time: nothing is lost, nothing is found twice."""
    plan, run = through
    plan.fault = lambda _method, path, times: Fault(kind) if times == 1 or (times == 2 and len(path) % 3 == 0) else None
    ran = run(f"s3://{BUCKET}/pre")
    assert (ran.code, paths(ran), ran.summary["losses"]) == (1, PATHS, {})


def test_faults_that_stay(through: tuple[Plan, Callable[..., Ran]], tmp_path: Path) -> None:
    """Lost are those objects alone; the next remembered scan has them: it reads their units, and no other one."""
    plan, run = through
    bad = ("/03.txt", "/large.log")
    plan.fault = lambda _method, path, _times: Fault("status") if path.endswith(bad) else None
    state = ("--state", str(tmp_path / "state"))
    ran = run(f"s3://{BUCKET}/pre", *state)
    lost = [(loss["kind"], loss["where"]) for loss in ran.summary["losses_named"]]
    assert (ran.code, lost) == (3, [("unreadable", "03.txt"), ("unreadable", "large.log")])
    assert plan.requests["GET", f"/{BUCKET}/pre/03.txt"] == 4
    plan.fault = lambda _method, _path, _times: None
    again = run(f"s3://{BUCKET}/pre", *state)
    assert (again.code, again.summary["losses"]) == (1, {})
    assert {"03.txt", "large.log"} <= set(paths(again))


def test_a_second_scan_reads_nothing(through: tuple[Plan, Callable[..., Ran]], server: int, tmp_path: Path) -> None:
    """It lists; after a change it reads that unit's objects and reports what is new alone."""
    plan, run = through
    target, state = f"s3://{BUCKET}/pre", ("--state", str(tmp_path / "state"))
    assert len(run(target, *state).findings) == len(PATHS)
    plan.requests.clear()
    assert (run(target, *state).code, [path for method, path in plan.requests if path.count("/") > 1]) == (0, [])
    fs = s3.client(server)
    fs.pipe(f"{BUCKET}/pre/07.txt", plain_token(777))
    try:
        assert paths(run(target, *state)) == ["07.txt"]
    finally:
        fs.pipe(f"{BUCKET}/pre/07.txt", CONTENT["pre/07.txt"])


def test_changed_while_it_is_read(through: tuple[Plan, Callable[..., Ran]], server: int) -> None:
    """No finding is made of two versions: what changed is a loss that says so."""
    plan, run = through
    fs, key = s3.client(server), f"{BUCKET}/pre/large.log"
    once = threading.Lock()

    def fault(_method: str, path: str, times: int) -> Fault | None:
        if path.endswith("large.log") and times == 2 and once.acquire(blocking=False):
            fs.pipe(key, b"y" * 20_000_000)
        return None

    plan.fault = fault
    try:
        ran = run("-j", "1", f"s3://{BUCKET}/pre")
    finally:
        fs.pipe(key, CONTENT["pre/large.log"])
    assert [(loss["kind"], loss["where"]) for loss in ran.summary["losses_named"]] == [("changed", "large.log")]
    assert paths(ran) == [path for path in PATHS if path != "large.log"]


CODES = [
    (403, "AccessDenied", "permission denied (HTTP 403, AccessDenied); check what the credentials may read"),
    (404, "NoSuchBucket", "no such bucket; check its name and the endpoint"),
    (400, "ExpiredToken", "the credentials have expired (HTTP 400, ExpiredToken); log in again"),
    (
        403,
        "SignatureDoesNotMatch",
        "the credentials are not accepted (HTTP 403, SignatureDoesNotMatch); check which ones are used",
    ),
    (503, "SlowDown", "HTTP 503, SlowDown; try again"),
]


@pytest.mark.parametrize(("status", "code", "line"), CODES)
def test_a_bucket_that_cannot_be_listed(
    through: tuple[Plan, Callable[..., Ran]], tmp_path: Path, status: int, code: str, line: str
) -> None:
    """One line that says why, exit code 3, and what else was to be scanned is scanned."""
    plan, run = through
    body = f"<Error><Code>{code}</Code><Message>{s3.WORD}</Message></Error>".encode()
    plan.fault = lambda _method, _path, _times: Fault("status", status, (("Content-Type", "application/xml"),), body)
    (tmp_path / "a.txt").write_bytes(plain_token(5))
    ran = run(f"s3://{BUCKET}/pre", str(tmp_path / "a.txt"))
    assert (ran.code, paths(ran), s3.WORD.encode() in ran.out + ran.err) == (3, ["a.txt"], False)
    assert ran.summary["losses_named"] == [{"kind": "unreadable", "where": f"s3://{BUCKET}/pre", "detail": line}]


def test_no_server_no_bucket_no_scheme(monkeypatch: pytest.MonkeyPatch, server: int) -> None:
    """Each with its line and its exit code."""
    for name, value in s3.environment(s3.free_port()).items():
        monkeypatch.setenv(name, value)
    down = scan(f"s3://{BUCKET}")
    assert (down.code, down.summary["losses_named"][0]["detail"]) == (
        3,
        "the server cannot be reached (ECONNREFUSED); is it up?",
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    none = scan("s3://no-such-bucket")
    assert (none.code, none.summary["losses_named"][0]["detail"]) == (
        3,
        "no such bucket; check its name and the endpoint",
    )
    wrong = scan("no-such://bucket")
    assert (wrong.code, wrong.error_lines[0][:55]) == (2, "gossip: no-such://bucket: nothing here reads no-such://")
    assert scan(f"s3://key:{s3.WORD}@bucket").error_lines == [
        "gossip: s3://bucket: no login fits into its URL; use the environment or --storage-option"
    ]


def test_options_instead_of_the_environment(server: int) -> None:
    """`--storage-option` is enough, and is for stores alone."""
    given = [part for item in s3.environment(server).items() for part in ("--storage-option", "=".join(item))]
    ran = scan(*given, f"s3://{BUCKET}/nothing-below")
    assert ran.summary["losses_named"][0]["detail"] == "nothing there; check the name"
    assert scan(*given, ".").code == 2


def test_watch_follows_a_bucket(server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """New objects alone are reported, and looks read none."""
    for name, value in s3.environment(server).items():
        monkeypatch.setenv(name, value)
    fs = s3.client(server)
    fs.pipe(f"{BUCKET}/watched/a.txt", plain_token(1))
    rules = tmp_path / "rules.toml"
    rules.write_text(TOKEN_RULES)
    config = tmp_path / "watch.yaml"
    config.write_text(f"rules: {rules}\ninterval: 200ms\ntargets: ['s3://{BUCKET}/watched']\n")
    with Watching(tmp_path, config) as watch:
        watch.until(lambda seen: seen.paths == ["a.txt"])
        fs.pipe(f"{BUCKET}/watched/b.txt", plain_token(2))
        watch.until(lambda seen: seen.paths == ["a.txt", "b.txt"])
        assert watch.stop() == 0
