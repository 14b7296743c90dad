"""Where the bytes go: files in place or replaced as a whole, standard output, and everything that fails."""

from __future__ import annotations

import errno
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gossip.connectors.report import FORMATS, Output, open_reporter
from gossip.schemas.errors import GossipError, MisuseError, RetryableError
from tests.unit.report.examples import FINDINGS, reporter, summary, written

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = sorted(name for name, row in FORMATS.items() if not row.streamed)
FULL_DEVICE = Path("/dev/full")


def listing(folder: Path) -> dict[str, bytes]:
    """Names and contents of a folder."""
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.mark.parametrize("fmt", WHOLE)
def test_old_file_until_close(fmt: str, tmp_path: Path) -> None:
    """A report that is a whole leaves the old file alone until it is complete, then takes its place."""
    path = tmp_path / "report"
    path.write_bytes(b"old")
    report = open_reporter(fmt, str(path))
    assert listing(tmp_path) == {"report": b"old"}
    report.finding(FINDINGS[0])
    assert path.read_bytes() == b"old"
    report.close(summary([], []))
    assert list(listing(tmp_path)) == ["report"]
    assert path.read_bytes() != b"old"


@pytest.mark.parametrize("fmt", WHOLE)
def test_abort(fmt: str, tmp_path: Path) -> None:
    """A report that is given up leaves the old file and nothing else, however often it is said."""
    path = tmp_path / "report"
    path.write_bytes(b"old")
    report = open_reporter(fmt, str(path))
    report.finding(FINDINGS[0])
    report.abort()
    report.abort()
    assert listing(tmp_path) == {"report": b"old"}


def test_jsonl_is_followed(tmp_path: Path) -> None:
    """A reader of a JSON Lines file has every finding as soon as it was reported, and keeps it after an abort."""
    lines = written("jsonl", "findings").splitlines(keepends=True)
    path = tmp_path / "report.jsonl"
    report = open_reporter(None, str(path))
    for count, item in enumerate(FINDINGS, 1):
        report.finding(item)
        assert path.read_bytes() == b"".join(lines[:count])
    report.abort()
    assert path.read_bytes() == b"".join(lines[:-1])


def test_link_is_kept(tmp_path: Path) -> None:
    """Over a symbolic link, the file behind it is replaced."""
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    open_reporter(None, str(tmp_path / "link.csv")).close(summary([], []))
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == written("csv", "empty")


def test_mode(tmp_path: Path) -> None:
    """A new file gets the mode that the umask leaves, a replaced one keeps its own."""
    old = tmp_path / "old.csv"
    old.touch(mode=0o600)
    old.chmod(0o640)
    umask = os.umask(0o027)
    try:
        open_reporter(None, str(old)).close(summary([], []))
        open_reporter(None, str(tmp_path / "new.csv")).close(summary([], []))
    finally:
        os.umask(umask)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("old.csv", "new.csv")] == [0o640, 0o640]


def test_named_pipe(tmp_path: Path) -> None:
    """A named pipe is written to, not replaced by a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    open_reporter("csv", str(path)).close(summary([], []))
    reader.join(10)
    assert got == [written("csv", "empty")]
    assert path.is_fifo()


def test_null_device() -> None:
    """The null device is written to and stays a device."""
    open_reporter("sarif", os.devnull).close(summary([], []))
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("fmt", FORMATS)
def test_missing_folder(fmt: str, tmp_path: Path) -> None:
    """A missing folder is misuse, found before the scan."""
    path = tmp_path / "no" / "report"
    with pytest.raises(MisuseError) as caught:
        open_reporter(fmt, str(path))
    why = "no such file or directory; create its folder first, or choose another one"
    assert str(caught.value) == f"cannot open the output '{path}': {why}"


@pytest.mark.parametrize("fmt", FORMATS)
def test_folder(fmt: str, tmp_path: Path) -> None:
    """A folder is no output; its name is shown in one line whatever it is."""
    path = tmp_path / "a\nb"
    path.mkdir()
    with pytest.raises(MisuseError) as caught:
        open_reporter(fmt, str(path))
    assert str(caught.value) == f"cannot open the output '{tmp_path}/a\\nb': is a directory; name a file inside it"


@pytest.mark.parametrize("fmt", FORMATS)
def test_file_as_folder(fmt: str, tmp_path: Path) -> None:
    """A file in the middle of the path is misuse."""
    (tmp_path / "file").touch()
    with pytest.raises(MisuseError) as caught:
        open_reporter(fmt, str(tmp_path / "file" / "report"))
    why = "not a directory; a part of the path is a file; choose another folder"
    assert str(caught.value) == f"cannot open the output '{tmp_path}/file/report': {why}"


@pytest.mark.parametrize("fmt", WHOLE)
def test_denied_folder(fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that takes no new file is found out at opening, though nothing would be written before the end."""

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # The tests may run as root, for whom no folder is closed.
    with pytest.raises(MisuseError) as caught:
        open_reporter(fmt, str(tmp_path / "report"))
    why = "permission denied; choose a place that you may write to"
    assert str(caught.value) == f"cannot open the output '{tmp_path}/report': {why}"
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize("fmt", WHOLE)
def test_protected_file(fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that its owner protected is not replaced by way of its folder."""
    (tmp_path / "report").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(MisuseError, match="permission denied"):
        open_reporter(fmt, str(tmp_path / "report"))
    assert listing(tmp_path) == {"report": b"old"}


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("fmt", sorted(set(FORMATS) - {"text"}))
def test_full_device(fmt: str) -> None:
    """A full disk can be cleared, so it is retryable; text without findings has nothing to write."""
    report = open_reporter(fmt, str(FULL_DEVICE))
    with pytest.raises(RetryableError) as caught:
        report.close(summary([], []))
    why = "no space left on device; free some space and run again, or choose another place"
    assert str(caught.value) == f"cannot write the output '/dev/full': {why}"


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, RetryableError), (errno.EDQUOT, RetryableError), (errno.EFBIG, MisuseError)]
)
def test_full_at_close(code: int, kind: type[GossipError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that turns out full at the very end costs the new report, not the old one, and leaves no rest."""

    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fails)
    (tmp_path / "report.json").write_bytes(b"old")
    report = open_reporter(None, str(tmp_path / "report.json"))
    with pytest.raises(kind) as caught:
        report.close(summary([], []))
    assert type(caught.value) is kind
    assert listing(tmp_path) == {"report.json": b"old"}


class Broken(io.BytesIO):
    """A stream whose writes fail in a chosen way."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, _data: object) -> int:
        """Fail."""
        raise self.error


@pytest.mark.parametrize("fmt", FORMATS)
def test_broken_pipe(fmt: str) -> None:
    """BrokenPipeError reaches the caller as it is, from each call that writes."""
    error = BrokenPipeError(errno.EPIPE, "Broken pipe")
    report = reporter(fmt, Output(stream=Broken(error)))
    calls: list[Callable[[], None]] = [lambda: report.close(summary([], []))]
    if fmt in {"jsonl", "text"}:
        calls.append(lambda: report.finding(FINDINGS[0]))
    for call in calls:
        with pytest.raises(BrokenPipeError) as caught:
            call()
        assert caught.value is error


def test_stdout_error() -> None:
    """Other errors of standard output are explained like those of a file."""
    output = Output(stream=Broken(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(RetryableError) as caught:
        output.write(b"x")
    why = "no space left on device; free some space and run again, or choose another place"
    assert str(caught.value) == f"cannot write standard output: {why}"
