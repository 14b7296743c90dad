"""What other people's CI runs: the files are what those systems read, and the commands are ours."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cli import ROOT
from tests.support.hooks import commit, git, needs_git, rev
from tests.support.shells import accepts, recorded, recorder, run_script


def load(path: str) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load((ROOT / path).read_text())


def test_hooks_of_the_framework() -> None:
    """Every key is one of pre-commit's, and its entry is a command of ours."""
    found = load(".pre-commit-hooks.yaml")
    keys = {"id", "name", "description", "entry", "language", "pass_filenames", "always_run", "stages"}
    assert [set(hook) for hook in found] == [keys, keys]
    assert [(hook["id"], hook["stages"]) for hook in found] == [
        ("gossip", ["pre-commit"]),
        ("gossip-push", ["pre-push"]),
    ]
    for hook in found:
        assert (hook["language"], hook["pass_filenames"]) == ("python", False)
        words = shlex.split(hook["entry"])
        assert words[0] == "gossip"
        accepts([*words[1:], "--min-confidence", "4"])


def test_the_action_is_one() -> None:
    """A composite action: shells are named, inputs have defaults, nothing of an event is put into a script."""
    action = load("deploy/github-action/action.yml")
    assert set(action) == {"name", "description", "branding", "inputs", "outputs", "runs"}
    assert all(set(given) == {"description", "default"} for given in action["inputs"].values())
    assert all(isinstance(given["default"], str) for given in action["inputs"].values())
    assert action["runs"]["using"] == "composite"
    for step in action["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step), step
        if "run" in step:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"]
    given = {f"inputs.{name}" for name in action["inputs"]}
    used = (ROOT / "deploy/github-action/action.yml").read_text()
    assert all(f"${{{{ {name} }}}}" in used for name in given)
    example = load("deploy/github-action/example-workflow.yml")
    steps = example["jobs"]["gossip"]["steps"]
    (ours,) = [step for step in steps if "/gossip/" in step.get("uses", "")]
    assert ours["uses"].partition("/gossip/")[2] == "deploy/github-action@VERSION"
    assert set(ours["with"]) <= set(action["inputs"])
    assert {"pull_request", "push", "schedule"} == set(example[True])


@needs_git
@pytest.mark.parametrize(
    ("given", "options", "code"),
    [
        ({"PULL_BASE": "BASE"}, ["--since", "BASE"], 0),
        ({"PUSH_BASE": "BASE", "GOSSIP_ANSWERS": "1"}, ["--since", "BASE"], 1),
        ({"PUSH_BASE": "0" * 40}, [], 0),
        ({"BASE": "all", "PULL_BASE": "BASE"}, [], 0),
        ({"RULES": "my rules.toml", "FAIL": "false"}, ["--rules", "my rules.toml", "--exit-zero"], 0),
        ({"ARGUMENTS": "--decode off --no-archives"}, ["--decode", "off", "--no-archives"], 0),
        ({"TARGET": "a$(touch hit)b"}, [], 0),
        ({"GOSSIP_ANSWERS": "3"}, [], 3),
    ],
)
def test_the_script_of_the_action(given: dict[str, str], options: list[str], code: int, tmp_path: Path) -> None:
    """What it hands to `gossip scan`, which takes it; the exit code is an output and the step's result."""
    git(tmp_path, "init", "-q")
    commit(tmp_path, "a", "a\n")
    base = rev(tmp_path)
    (step,) = [s for s in load("deploy/github-action/action.yml")["runs"]["steps"] if s.get("id") == "scan"]
    variables = dict.fromkeys(step["env"], "") | {
        "TARGET": ".",
        "SARIF": "out.sarif",
        "MIN_CONFIDENCE": "0",
        "FAIL": "true",
    }
    variables |= {name: value.replace("BASE", base) for name, value in given.items()}
    record = tmp_path / "record"
    recorder(tmp_path / "temp/gossip/bin")
    variables |= {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_OUTPUT": str(tmp_path / "out"), "RECORD": str(record)}
    done = run_script(step["run"], tmp_path, **variables)
    assert (done.returncode, done.stderr) == (code, "")
    (words,) = recorded(record)
    fixed = ["scan", "--format", "text", "--output", "out.sarif", "--min-confidence", "0", "--no-progress"]
    assert words == [*fixed, *(word.replace("BASE", base) for word in options), variables["TARGET"]]
    assert (tmp_path / "out").read_text() == f"exit-code={code}\n"
    assert not (tmp_path / "hit").exists()
    accepts(words)


@pytest.mark.parametrize("base", ["", "a" * 40])
def test_the_template_of_gitlab(base: str, tmp_path: Path) -> None:
    """A job with the keys of GitLab's, whose script hands the right words to `gossip scan`."""
    template = load("deploy/gitlab/gossip.gitlab-ci.yml")
    job = template["gossip"]
    assert set(template) == {"variables", "gossip"}
    assert set(job) == {"stage", "image", "variables", "cache", "rules", "before_script", "script", "artifacts"}
    record = tmp_path / "record"
    path = recorder(tmp_path / "bin")
    variables = {
        "GOSSIP_MIN_CONFIDENCE": "0",
        "GOSSIP_ARGUMENTS": "--decode off",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
    }
    script = "\n".join([f'export PATH="{path}:$PATH"', *job["script"]])
    done = run_script(script, tmp_path, shell="sh", RECORD=str(record), **variables)
    assert (done.returncode, done.stderr) == (0, "")
    (words,) = recorded(record)
    fixed = ["--format", "text", "--output", "gossip.sarif", "--output", "gossip.xml", "--min-confidence", "0"]
    since = ["--since", base] if base else []
    assert words == ["scan", "--no-progress", *fixed, *since, "--decode", "off", "."]
    accepts(words)
    made = [job["artifacts"]["reports"]["junit"], *job["artifacts"]["paths"]]
    assert sorted(made) == ["gossip.sarif", "gossip.xml"]
