"""How fast `gossip stream` is, and whether its memory grows: `python -m tests.bench.stream [--seconds N] [--minutes N]
[--rate N] [--forward] [--live-only]`, on Linux, with Java and Maven.

One worker process, a broker, a producer and a reader share this machine. First it catches up with a topic that was
filled before (messages a second, CPU time of Gossip alone), then it follows a producer of half the goal's rate, or `--rate` (time
from a message's timestamp to the arrival of its finding at a read_committed consumer; memory of all its processes).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.support.broker import Broker, Kafka
from tests.support.cli import ROOT, environment
from tests.support.repos import plain_token

MESSAGES = 400_000
MESSAGE_BYTES = 1024
PARTITIONS = 4
RATE = 15_000
EVERY = 500
"""One message of so many holds a secret."""
WORDS = 2000
PARTS = 10
"""Memory is told for so many parts of the time."""
RETENTION = {"retention.ms": "60000", "segment.bytes": "67108864"}
"""Of topics that are followed: a long run must not fill the disk."""


def bodies(count: int) -> list[bytes]:
    """Log lines in JSON of MESSAGE_BYTES each, of seeded words; one in EVERY holds a token."""
    rng = Random(7)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(WORDS)]
    found = []
    for number in range(count):
        text = " ".join(rng.choices(words, k=MESSAGE_BYTES // 6))
        line = {"level": "info", "id": number, "user": words[number % WORDS], "msg": text}
        if number % EVERY == 0:
            line["user"] = plain_token(number).decode()
        raw = json.dumps(line).encode()
        found.append(raw[: MESSAGE_BYTES - 2] + b'"}' if len(raw) > MESSAGE_BYTES else raw)
    return found


def rules_file(folder: Path) -> str:
    """The built-in rules and that of the tests' tokens."""
    from tests.support.cli import TOKEN_RULES

    file = folder / "rules.toml"
    file.write_text("[extend]\nuseDefault = true\n" + TOKEN_RULES)
    return str(file)


class Run:
    """One `gossip stream`, and what it uses."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "gossip", "stream", "-j", "1", "-q", *arguments]
        self._process = subprocess.Popen(command, env=environment(), cwd=ROOT, stdout=subprocess.DEVNULL)
        self.began = time.monotonic()
        self.cpu = 0.0

    def usage(self) -> tuple[float, list[float]]:
        """CPU seconds of the whole tree, and the MiB that are each process's own or its share, now."""
        cpu, memory = 0.0, list[float]()
        try:
            root = psutil.Process(self._process.pid)
            for each in (root, *root.children(recursive=True)):
                times = each.cpu_times()
                cpu += times.user + times.system
                memory.append(each.memory_full_info().pss / 2**20)
        except psutil.Error:
            pass
        self.cpu = max(self.cpu, cpu)
        return cpu, memory

    def wait(self) -> float:
        """Seconds to its end."""
        while self._process.poll() is None:
            self.usage()
            time.sleep(0.05)
        return time.monotonic() - self.began

    def stop(self) -> int:
        """End it as a service manager does."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)


def caught_up(kafka: Kafka, rules: str, *, forward: bool) -> None:
    """Throughput over a topic that is there already."""
    source, out, clean = kafka.topic("fill", PARTITIONS), kafka.topic("found"), kafka.topic("clean", PARTITIONS)
    pool = bodies(20_000)
    kafka.send(source, [{"value": pool[n % len(pool)], "partition": n % PARTITIONS} for n in range(MESSAGES)])
    common = ["--from", kafka.url(source), "--to", kafka.url(out), "--rules", rules, "--once"]
    common += ["--forward", clean] if forward else []
    Run("--from", kafka.url(kafka.topic("empty")), "--rules", rules, "--once").wait()  # compiles the rules
    start = Run(
        "--from", kafka.url(kafka.topic("empty", PARTITIONS)), "--to", kafka.url(out), "--rules", rules, "--once"
    )
    idle = start.wait()
    run = Run(*common)
    wall = run.wait()
    print(
        f"catching up{' and forwarding' if forward else ''}: {MESSAGES / (wall - idle):,.0f} messages/s of "
        f"{MESSAGE_BYTES} bytes, start-up ({idle:.1f} s) left out; CPU {run.cpu - start.cpu:.1f} s: "
        f"{MESSAGES / (run.cpu - start.cpu):,.0f} a CPU second; {len(kafka.read(out)):,} findings"
    )


def produce(address: str, topic: str, seconds: float, rate: int) -> None:
    """`rate` messages a second, in bursts of 20 ms."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=address, linger_ms=5, batch_size=1 << 18)
    pool, burst = bodies(20_000), rate // 50
    began, sent = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        while sent < now * rate:
            for _ in range(burst):
                producer.send(topic, pool[sent % len(pool)], partition=sent % PARTITIONS)
                sent += 1
        time.sleep(0.005)
    producer.flush()
    producer.close()


def latency(kafka: Kafka, rules: str, seconds: float, rate: int, *, forward: bool) -> None:
    """From a message's timestamp to its finding's arrival, at `rate` messages a second; memory meanwhile."""
    from kafka import KafkaConsumer, TopicPartition

    source, out = kafka.topic("live", PARTITIONS, **RETENTION), kafka.topic("found")
    more = ["--forward", kafka.topic("clean", PARTITIONS, **RETENTION)] if forward else []
    run = Run("--from", kafka.url(source), "--to", kafka.url(out), "--rules", rules, *more)
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.address, isolation_level="read_committed", enable_auto_commit=False
    )
    consumer.assign([TopicPartition(out, 0)])
    consumer.seek_to_beginning()
    while len(run.usage()[1]) < 2:  # the process that was started, and its worker
        time.sleep(0.1)
    time.sleep(2)
    before = run.usage()[0]
    sender = threading.Thread(target=_apart, args=(kafka.address, source, seconds, rate))
    sender.start()
    waits: list[float] = []
    memory: list[tuple[float, list[float]]] = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds + 3:
        for records in consumer.poll(timeout_ms=20).values():
            arrived = time.time()
            waits += [arrived - datetime.fromisoformat(json.loads(r.value)["date"]).timestamp() for r in records]
        if now < seconds and (not memory or now - memory[-1][0] > 1):
            memory.append((now, run.usage()[1]))
    cpu = run.usage()[0] - before
    sender.join()
    code = run.stop()
    parts = [TopicPartition(source, number) for number in range(PARTITIONS)]
    planted = -(-sum(consumer.end_offsets(parts).values()) // EVERY)
    consumer.close()
    cuts = statistics.quantiles(waits, n=1000) if len(waits) > 1 else [0.0] * 999
    print(
        f"following {rate:,} messages/s for {seconds:.0f} s{' and forwarding' if forward else ''}: "
        f"{len(waits):,} findings (of {planted:,} planted), "
        f"p50 {cuts[499] * 1000:.0f} ms, p90 {cuts[899] * 1000:.0f} ms, p99 {cuts[989] * 1000:.0f} ms, "
        f"worst {max(waits, default=0) * 1000:.0f} ms; CPU {100 * cpu / (seconds + 3):.0f} % of a core; exit {code}"
    )
    grown(memory, seconds)


def grown(memory: list[tuple[float, list[float]]], seconds: float) -> None:
    """Tell the mean memory of all processes in each part of the time, and the highest."""
    parts = [[sum(each) for at, each in memory if int(at * PARTS / seconds) == part] for part in range(PARTS)]
    means = ", ".join(f"{statistics.mean(part):.0f}" for part in parts if part)
    print(f"memory in MiB, means of {PARTS} equal parts: {means}; highest {max(sum(each) for _, each in memory):.0f}")
    for number, each in enumerate(zip(*(each for _, each in memory), strict=False)):
        print(
            f"  process {number}: {each[0]:.0f} at first, {each[len(each) // 2]:.0f} half-way, {each[-1]:.0f} at last"
        )


def _apart(address: str, topic: str, seconds: float, rate: int) -> None:
    """The producer, in a process of its own: it must not share this one's interpreter."""
    code = f"from tests.bench.stream import produce; produce({address!r}, {topic!r}, {seconds!r}, {rate!r})"
    subprocess.run([sys.executable, "-c", code], env=environment(), cwd=ROOT, check=True)


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to follow")
    parser.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second to follow")
    parser.add_argument("--forward", action="store_true", help="with redacted messages sent on, too")
    parser.add_argument("--live-only", action="store_true", help="only follow")
    options: Any = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ.setdefault("GOSSIP_CACHE_DIR", str(Path(name) / "cache"))
        broker = Broker(Path(name) / "broker").start()
        try:
            kafka, rules = Kafka(broker.address), rules_file(Path(name))
            if not options.live_only:
                caught_up(kafka, rules, forward=options.forward)
            latency(
                kafka,
                rules,
                60 * options.minutes if options.minutes else options.seconds,
                options.rate,
                forward=options.forward,
            )
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
