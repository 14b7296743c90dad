"""A bucket of many small objects behind a slow line: seconds and memory of a first and of a second remembered scan.

    python -m tests.bench.objects [--objects 10000] [--latency-ms 20] [--jobs 2]

Needs an S3 server (versitygw or moto_server on the path). The delay is made by a proxy of its own process.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from tests.support import s3
from tests.support.cli import TOKEN_RULES, environment

SAMPLE_SECONDS = 0.05


def slow_line(port: int, to_port: int, latency: float, say: Connection) -> None:
    """Hand bytes on, each burst of a client's `latency` seconds later; tell what was asked for when asked."""
    asked: Counter[str] = Counter()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        try:
            while data := await reader.read(1 << 16):
                if delay:
                    await asyncio.sleep(delay)
                    line = data.partition(b"\r\n")[0].decode("latin-1")
                    asked["list" if "list-type" in line else line.partition(" ")[0]] += 1
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", to_port)
        await asyncio.gather(pump(reader, back_writer, latency), pump(back_reader, writer, 0.0))

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=256)
        say.send("up")
        while True:
            await asyncio.sleep(0.05)
            if say.poll():
                if say.recv() == "end":
                    server.close()
                    return
                say.send(dict(asked))
                asked.clear()

    asyncio.run(run())


def watched(arguments: list[str], extra: dict[str, str]) -> tuple[float, float, float, int]:
    """Run a command: seconds, CPU seconds, the most MB that its processes had resident together, exit code."""
    began = time.monotonic()
    process = psutil.Popen(arguments, env={**environment(), **extra}, stdout=open(os.devnull, "wb"))  # noqa: SIM115
    most = cpu = 0.0
    while process.poll() is None:
        total, used = 0.0, 0.0
        for one in [process, *process.children(recursive=True)]:
            try:
                full = one.memory_full_info()
                total += full.pss / 1e6
                times = one.cpu_times()
                used += times.user + times.system
            except psutil.Error:
                continue
        most, cpu = max(most, total), max(cpu, used)
        time.sleep(SAMPLE_SECONDS)
    return time.monotonic() - began, cpu, most, int(process.returncode)


def main() -> None:
    """Fill a bucket, scan it twice, and print what that took."""
    import sys

    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, s3.s3_server(Path(folder)) as direct:
        fs = s3.client(direct)
        fs.call_s3("create_bucket", Bucket="bucket")
        with ThreadPoolExecutor(16) as pool:
            list(
                pool.map(
                    lambda n: fs.pipe(f"bucket/d{n % 40:02}/{n:06}.txt", b"line %06d\n" % n * 60), range(chosen.objects)
                )
            )
        rules = Path(folder, "rules.toml")
        rules.write_text(TOKEN_RULES)
        port = s3.free_port()
        here, there = multiprocessing.Pipe()
        line = multiprocessing.Process(
            target=slow_line, args=(port, direct, chosen.latency_ms / 1e3, there), daemon=True
        )
        line.start()
        here.recv()
        command = [sys.executable, "-m", "gossip", "scan", "s3://bucket", "-q", "-f", "jsonl", "-j", str(chosen.jobs)]
        command += ["--state", str(Path(folder, "state")), "--rules", str(rules)]
        for name in ("first", "second"):
            seconds, cpu, memory, code = watched(command, s3.environment(port))
            here.send("asked")
            asked = here.recv()
            print(f"{name}: {seconds:.1f} s, {cpu:.1f} CPU s, {memory:.0f} MB, exit {code}, requests {asked}")
        here.send("end")
        line.join()


if __name__ == "__main__":
    main()
