"""The recipes for containers and clusters: their own parsers take them, and their commands are the project's.

Docker, Kubernetes and Slurm themselves are not tried. Linters come with the group `deploy`.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from mlflow.projects._project_spec import load_project

from gan.commands import mlproject
from tests.conftest import ROOT
from tests.test_commands_in_docs import check

DEPLOY = ROOT / "deploy"
KUBERNETES = sorted(DEPLOY.glob("*.yaml"))
SCRIPTS = sorted(DEPLOY.glob("*.sbatch"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def objects(path: Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text()))


def pod(path: Path) -> dict:
    """The pods of the job in a file."""
    return objects(path)[-1]["spec"]["template"]["spec"]


def test_every_command_of_a_recipe_is_taken():
    found = re.findall(r"^(?:srun .*?|# docker run .*? gan-augmentation )(uv run .*|python .*)$", "\n".join(
        path.read_text() for path in (*SCRIPTS, DEPLOY / "Dockerfile")
    ), re.MULTILINE)  # fmt: skip
    found += [shlex.join(json.loads(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1]))]
    for path in KUBERNETES:
        command = pod(path)["containers"][0]["command"]
        found += [shlex.join(command)] if command[0] == "python" else re.findall(r"exec (python .*)", command[-1])
    assert len(found) == len(SCRIPTS) + len(KUBERNETES) + 2
    for command in found:
        check(command)


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_pods_are_not_of_root_and_what_they_mount_is_there(path):
    spec = pod(path)
    assert spec["securityContext"]["runAsNonRoot"] and not objects(path)[-1]["spec"]["backoffLimit"]
    (container,) = spec["containers"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    validate = pytest.importorskip("kubernetes_validate", reason="the group `deploy` is not installed").validate
    for one in objects(path):
        validate(one, "1.30", strict=True)


def test_the_pods_of_a_training_know_each_other(tmp_path):
    service, job = objects(DEPLOY / "jobset.yaml")
    spec = job["spec"]
    (container,) = pod(DEPLOY / "jobset.yaml")["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(variables["WORKERS"])
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    (tmp_path / "python").write_text('#!/bin/sh\necho "$TF_CONFIG"\n')
    (tmp_path / "python").chmod(0o700)
    variables |= {"JOB_COMPLETION_INDEX": "1", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(container["command"], env=variables, capture_output=True, text=True, check=True).stdout
    name, subdomain, port = job["metadata"]["name"], spec["template"]["spec"]["subdomain"], 2222
    assert subdomain == service["metadata"]["name"]
    assert [entry["port"] for entry in service["spec"]["ports"]] == [port]
    assert json.loads(said) == {
        "cluster": {"worker": [f"{name}-{k}.{subdomain}:{port}" for k in range(2)]},
        "task": {"type": "worker", "index": 1},
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_the_scripts_for_slurm_are_scripts(path):
    text = path.read_text()
    assert text.startswith("#!/bin/bash\n") and os.access(path, os.X_OK)
    first_command = re.search(r"^[^#\n]", text, re.MULTILINE).start()
    assert text.rindex("#SBATCH") < first_command  # Slurm reads none after it
    subprocess.run(["bash", "-n", path], check=True)
    linter = shutil.which("shellcheck") or pytest.skip("the group `deploy` is not installed")
    subprocess.run([linter, path], check=True)


def test_the_image_holds_what_programs_need_and_runs_without_root():
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["1000"] and "--frozen" in DOCKERFILE
    kept = [line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"]
    assert all((ROOT / name).exists() for name in kept)
    needed = {"gan", "MLproject", "pyproject.toml", "uv.lock"} | {path.name for path in ROOT.glob("*.py")}
    assert needed <= set(kept)
    linter = shutil.which("hadolint") or pytest.skip("the group `deploy` is not installed")
    subprocess.run([linter, DEPLOY / "Dockerfile"], check=True)


def test_mlflow_reads_the_project_that_runs_in_the_image():
    assert (DEPLOY / "MLproject").read_text() == mlproject.text(mlproject.DOCKER)
    project = load_project(str(DEPLOY))
    assert project.docker_env["image"] == re.search(r"-t (\S+) \.$", DOCKERFILE, re.MULTILINE)[1]
    assert set(mlproject.ENTRY_POINTS) == set(project._entry_points)
