"""What a watch tells of itself: metrics that Prometheus reads, probes, and lines that machines read."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
from prometheus_client.parser import text_string_to_metric_families

from gossip.flows.watching.metrics import label_of
from tests.e2e.test_watch import World
from tests.support.cli import gossip
from tests.support.watching import Watching

if TYPE_CHECKING:
    from pathlib import Path


def ask(url: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as err:
        return err.code, err.read().decode()


def address(watch: Watching) -> str:
    """Where a watch serves."""
    watch.until(lambda w: w.heard("metrics at "))
    (line,) = [line for line in watch.said if "metrics at " in line]
    return line.partition("metrics at ")[2].removesuffix("/metrics")


def samples(url: str) -> dict[tuple[str, str], float]:
    """Value by name of the sample and value of its label; every family has help and a type."""
    status, text = ask(url + "/metrics")
    assert status == 200
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in {"counter", "gauge"}
        for sample in family.samples:
            assert len(sample.labels) <= 1
            found[sample.name, next(iter(sample.labels.values()), "")] = sample.value
    return found


def test_metrics_of_a_watch(tmp_path: Path) -> None:
    """Counters are those of what was scanned; targets have labels that `gossip status` translates, and no names."""
    world = World(tmp_path)
    with Watching(tmp_path / "run", world.config, "-f", "jsonl", "-j", "2", "--metrics", ":0") as watch:
        url = address(watch)
        assert url.startswith("http://127.0.0.1:")
        watch.until(lambda w: len(w.findings) == 2)
        watch.until(lambda _: samples(url).get(("gossip_parked_units", "")) == 0)
        world.write("two", 502)
        watch.until(lambda w: len(w.findings) == 3)
        labels = [label_of(str(tmp_path / name)) for name in ("repo", "tree")]
        watch.until(lambda _: samples(url)["gossip_target_rounds_total", labels[1]] == 2)
        found = samples(url)
        exact = {
            ("gossip_running", ""): 1,
            ("gossip_targets", ""): 2,
            ("gossip_targets_absent", ""): 0,
            ("gossip_rules", ""): 1,
            ("gossip_documents_total", ""): 4,  # files are scanned in batches
            ("gossip_findings_total", "high"): 3,
            ("gossip_restarts_total", ""): 0,
            ("gossip_settings_rejected_total", ""): 0,
            ("gossip_target_rounds_total", labels[0]): 1,
            ("gossip_target_lag_seconds", labels[0]): 0,
            ("gossip_lag_seconds", ""): 0,
        }
        assert {key: found[key] for key in exact} == exact
        assert {key[1] for key in found if key[0].startswith("gossip_target_")} == set(labels)
        assert found["gossip_commits_total", ""] >= 2
        assert found["gossip_commit_seconds_total", ""] > 0
        assert found["gossip_lake_files", ""] > 0
        text = ask(url + "/metrics")[1]
        assert not any(word in text for word in (str(tmp_path), "repo", "tree", "GSPTOKEN"))
        assert ask(url + "/healthz") == (200, "ok\n")
        assert ask(url + "/readyz") == (200, "ok\n")
        assert ask(url + "/else") == (404, "there are /metrics, /healthz and /readyz\n")
        assert watch.stop() == 0
    status = json.loads(gossip("status", "--state", str(tmp_path / "run/state"), "-f", "json").out)
    assert [target["label"] for target in status["targets"]] == labels


def test_a_watch_whose_workers_die_is_not_ready(tmp_path: Path) -> None:
    """Until they run again; a settings file that cannot be used is counted."""
    world = World(tmp_path)
    with Watching(tmp_path / "run", world.config, "-j", "1", "--metrics", "127.0.0.1:0") as watch:
        url = address(watch)
        watch.until(lambda _: ask(url + "/readyz")[0] == 200)
        world.config.write_text("targets: 3\n")
        watch.until(lambda _: samples(url)["gossip_settings_rejected_total", ""] == 1)
        # The one that serves was there first.
        children = sorted(psutil.Process(watch.process.pid).children(), key=psutil.Process.create_time)
        children[1].kill()
        watch.until(lambda _: ask(url + "/readyz") == (503, "the workers do not run\n"))
        watch.until(lambda _: samples(url)["gossip_restarts_total", ""] == 1)
        watch.until(lambda _: ask(url + "/readyz")[0] == 200)
        assert ask(url + "/healthz") == (200, "ok\n")


def test_nobody_serves_for_a_watch_that_is_gone(tmp_path: Path) -> None:
    """The process that serves ends with the watch, killed or not."""
    world = World(tmp_path)
    with Watching(tmp_path / "run", world.config, "-j", "1", "--metrics", ":0") as watch:
        url = address(watch)
        watch.until(lambda _: ask(url + "/readyz")[0] == 200)
        os.kill(watch.process.pid, signal.SIGKILL)
        watch.process.wait()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                ask(url + "/healthz")
            except OSError:
                return
            time.sleep(0.05)
        raise AssertionError


def test_places_that_cannot_be_served(tmp_path: Path) -> None:
    """Misuse, before anything is scanned."""
    world = World(tmp_path)
    state = str(tmp_path / "state")
    for place, why in (
        ("9464", "give HOST:PORT, as 127.0.0.1:9464; 0 takes any free port"),
        ("::1:9464", "put an IPv6 address in brackets, as [::1]:9464"),
        ("192.0.2.1:9464", "cannot listen there: cannot assign requested address"),
    ):
        ran = gossip("watch", str(world.config), "--state", state, "--metrics", place)
        assert (ran.code, ran.error_lines) == (2, [f"gossip: --metrics {place}: {why}"])


def test_lines_for_machines(tmp_path: Path) -> None:
    """Each line of stderr is an object with time, level and message; rounds have their figures beside."""
    world = World(tmp_path)
    with Watching(tmp_path / "run", world.config, "-j", "1", "--log-format", "json") as watch:
        watch.until(lambda w: sum("documents" in line for line in w.said) == 2)
        assert watch.stop() == 0
        records = [json.loads(line) for line in (tmp_path / "run/err0").read_text().splitlines()]
    assert all(set(record) >= {"time", "level", "message"} for record in records)
    assert {record["level"] for record in records} == {"info"}
    (tree,) = [record for record in records if record.get("target") == str(tmp_path / "tree")]
    assert {key: tree[key] for key in ("documents", "findings")} == {"documents": 1, "findings": 1}
    assert records[0]["message"] == "watching 2 targets with 1 rules"


def test_a_watch_that_cannot_begin_says_so_for_machines(tmp_path: Path) -> None:
    """One object, and the exit code of misuse."""
    ran = gossip("watch", str(tmp_path / "none.yaml"), "--state", str(tmp_path / "state"), "--log-format", "json")
    (line,) = ran.error_lines
    record = json.loads(line)
    assert (ran.code, record["level"]) == (2, "error")
    assert record["message"] == f"{tmp_path / 'none.yaml'}: No such file or directory"
