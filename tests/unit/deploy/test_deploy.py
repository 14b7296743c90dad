"""The image, the compose file and the manifests: their parts fit each other, and the commands in them are ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gossip.flows.watching.serving import _PAGES, parse_place
from gossip.flows.watching.settings import WatchFile
from tests.support.cli import ROOT
from tests.support.shells import accepts

DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
ENVIRONMENT_SECRETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "GOSSIP_GIT_TOKEN"}


def steps() -> list[tuple[str, str]]:
    """(instruction, rest) of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def copied() -> list[str]:
    """What the first stage copies from the checkout."""
    found = [rest.split()[:-1] for name, rest in steps() if name == "COPY" and not rest.startswith("--from")]
    return [name for names in found for name in names]


def manifests() -> dict[str, dict[str, Any]]:
    """Kubernetes objects by kind; there is one of each."""
    found = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/gossip.yaml").read_text()))
    assert len({item["kind"] for item in found}) == len(found)
    return {item["kind"]: item for item in found}


def test_the_image_runs_as_nobody_in_particular() -> None:
    """Two stages; a numeric user that is not root; the state is a volume; the command is ours."""
    found = steps()
    stages = [rest for name, rest in found if name == "FROM"]
    assert stages == ["python:3.12-slim AS build", "python:3.12-slim"]
    last = found[max(at for at, (name, _) in enumerate(found) if name == "FROM") :]
    assert [rest for name, rest in last if name == "USER"] == ["10001:10001"]
    assert [rest for name, rest in last if name == "VOLUME"] == ["/state"]
    assert ("ENTRYPOINT", '["gossip"]') in last
    assert not any(name == "ADD" for name, _ in found)
    extras = set(dict(found)["ARG"].partition("=")[2].split(","))
    import tomllib

    assert extras <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def test_the_steps_of_the_image_install_a_gossip_that_works(tmp_path: Path) -> None:
    """From the copied files alone, into a folder that is then read-only, with a home that does not exist."""
    source, target = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for name in copied():
        whole = ROOT / name
        if whole.is_dir():
            shutil.copytree(whole, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(whole, source / name)
    install = ["-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--target"]
    done = subprocess.run(
        [sys.executable, *install, str(target), "."], cwd=source, capture_output=True, text=True, check=False
    )
    if "No module named pip" in done.stderr:
        pytest.skip("this environment has no pip")
    assert done.returncode == 0, done.stderr
    cache = tmp_path / "cache"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(target), "HOME": str(tmp_path / "none")}
    environment |= {"GOSSIP_CACHE_DIR": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    scan = [sys.executable, "-P", "-m", "gossip", "scan", "-q", "--exit-zero", "LICENSE"]
    for _ in range(2):  # fills the cache, then cannot
        done = subprocess.run(scan, cwd=source, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        cache.chmod(0o555)
    assert any(cache.iterdir())
    cache.chmod(0o755)


def test_the_compose_file_fits_together() -> None:
    """Volumes and services that are named are there; nothing is secret in it; the watch takes its command."""
    found = yaml.safe_load((ROOT / "deploy/docker/compose.yml").read_text())
    services = found["services"]
    for service in services.values():
        assert ("image" in service) != ("build" in service)
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            assert volume.startswith(".") or volume.partition(":")[0] in found["volumes"]
        for name, value in service.get("environment", {}).items():
            assert isinstance(value, str)
            if "PASSWORD" in name or "SECRET" in name or "KEY" in name:
                assert re.fullmatch(r"\$\{\w+:\?set it\}", value), name
    watch = services["watch"]
    accepts(watch["command"])
    assert watch["read_only"] is True
    assert watch["build"]["dockerfile"] == str(DOCKERFILE.relative_to(ROOT))
    mounted = [volume.split(":") for volume in watch["volumes"]]
    assert ["./watch.yaml", watch["command"][1], "ro"] in mounted
    WatchFile.model_validate(yaml.safe_load((ROOT / "deploy/docker/watch.yaml").read_text()))
    (place,) = [word.partition("=")[2] for word in watch["command"] if word.startswith("--metrics=")]
    assert watch["ports"] == [f"127.0.0.1:{parse_place(place)[1]}:{parse_place(place)[1]}"]


def test_the_manifests_fit_together() -> None:
    """Selectors, ports, volumes and settings of the StatefulSet are those of the other objects."""
    found = manifests()
    versions = {
        "ServiceAccount": "v1",
        "ConfigMap": "v1",
        "Service": "v1",
        "StatefulSet": "apps/v1",
        "PodDisruptionBudget": "policy/v1",
        "NetworkPolicy": "networking.k8s.io/v1",
    }
    assert {kind: item["apiVersion"] for kind, item in found.items()} == versions
    labels = {"app.kubernetes.io/name": "gossip"}
    spec = found["StatefulSet"]["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert (spec["serviceName"], pod["serviceAccountName"]) == ("gossip", "gossip")
    claimed = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    volumes = {volume["name"] for volume in pod["volumes"]} | claimed
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    words = [word.replace("$(ORDINAL)", "0") for word in container["args"]]
    accepts(words)
    settings = found["ConfigMap"]["data"]
    assert list(settings) == [Path(words[1]).name]
    WatchFile.model_validate(yaml.safe_load(settings["watch-0.yaml"]))
    (place,) = [word.partition("=")[2] for word in words if word.startswith("--metrics=")]
    host, port = parse_place(place)
    assert host == "0.0.0.0", "the kubelet asks from outside the pod"
    assert container["ports"] == [{"name": "metrics", "containerPort": port}]
    assert found["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": port}]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["path"] in _PAGES, asked["port"]) == (True, "metrics")
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_the_manifests_give_no_rights_and_hold_no_secrets() -> None:
    """Not root, read-only, no capability, no token of the cluster; what is secret is a reference."""
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    values = {entry["name"]: entry["valueFrom"] for entry in container["env"]}
    assert {name for name, value in values.items() if "secretKeyRef" in value} == ENVIRONMENT_SECRETS
    assert "Secret" not in manifests()
