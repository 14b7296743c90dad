"""A real S3 server on loopback: versitygw over a folder where it is installed, else moto's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STARTUP_SECONDS = 30.0
KEY = "user"
WORD = "hidden" + "-in-tests"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def moto_command(port: int) -> list[str] | None:
    """How moto's server is started; None where it is not installed."""
    moto = shutil.which("moto_server")
    return [moto, "-H", "127.0.0.1", "-p", str(port)] if moto else None


def server_command(port: int, folder: Path) -> list[str] | None:
    """How the server at hand is started; None where there is none."""
    gateway = os.environ.get("GOSSIP_TEST_VERSITYGW") or shutil.which("versitygw")
    if gateway:
        login = ["--access", KEY, "--secret", WORD]
        return [gateway, "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", *login, "posix", str(folder)]
    return moto_command(port)


@contextmanager
def s3_server(folder: Path) -> Iterator[int]:
    """The port of a server that keeps its objects in a folder, or in its memory. Skips the test where there is none."""
    port = free_port()
    command = server_command(port, folder / "data")
    if command is None:
        pytest.skip("needs versitygw or moto_server on the path")
    (folder / "data").mkdir()
    with running(command, port, folder):
        yield port


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """A server that answers; its log lies in a folder. Skips the test where it does not start."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + STARTUP_SECONDS
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
                    break
                except urllib.error.HTTPError:
                    break  # it wants credentials: it is there
                except OSError:
                    if server.poll() is not None or time.monotonic() > deadline:
                        pytest.skip("the S3 server does not start here")
                    time.sleep(0.1)
            yield
        finally:
            server.terminate()
            server.wait(30)


def environment(port: int) -> dict[str, str]:
    """What the libraries of S3 read."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": WORD,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def client(port: int) -> Any:
    """A file system of fsspec that may write there."""
    import s3fs

    return s3fs.S3FileSystem(
        key=KEY,
        secret=WORD,
        endpoint_url=f"http://127.0.0.1:{port}",
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def fill(port: int, bucket: str, content: Mapping[str, bytes]) -> None:
    """Make a bucket with objects in it."""
    fs = client(port)
    fs.call_s3("create_bucket", Bucket=bucket)
    for key, data in content.items():
        fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data)
