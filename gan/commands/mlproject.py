"""Write the MLproject files from the configurations of all entry points: `python -m gan.commands.mlproject`."""

import dataclasses
import importlib
import textwrap

from gan.config import Config, as_text, kind_of
from gan.invocation import ROOT

# entry point -> module of its configuration, the configuration
ENTRY_POINTS = {
    "main": ("gan.commands.tour", "TourConfig"),
    "tour_scenes": ("gan.commands.tour_scenes", "TourConfig"),
    "prepare": ("gan.commands.prepare", "PrepareConfig"),
    "train_dcgan": ("train_dcgan", "TrainConfig"),
    "train_pix2pix": ("train_pix2pix", "TrainConfig"),
    "evaluate": ("evaluate", "EvaluateConfig"),
    "augment_scenes": ("gan.commands.augment_scenes", "AugmentConfig"),
    "new_signs": ("gan.commands.new_signs", "NewSignsConfig"),
    "balance": ("gan.commands.balance", "BalanceConfig"),
    "study": ("gan.commands.study", "StudyConfig"),
    "promote": ("gan.commands.promote", "PromoteConfig"),
    "export": ("gan.commands.export", "ExportConfig"),
}
HEAD = """\
# Written by `python -m gan.commands.mlproject` from the configurations of the programs.
name: gan-augmentation

{environment}

entry_points:
"""
CONDA = """\
# Every package stands under `pip:` in it, so that conda, virtualenv and uv all install the same.
conda_env: conda.yaml"""
DOCKER = """\
# The image of deploy/Dockerfile, which holds the project: start it in its folder there, see deploy/README.md.
docker_env:
  image: gan-augmentation
  volumes: ["/shared:/shared"]"""
TYPES = {int: "int", float: "float"}  # of a parameter in MLproject; everything else is a string


def config_of(entry_point: str) -> type[Config]:
    """The configuration of an entry point."""
    module, name = ENTRY_POINTS[entry_point]
    return getattr(importlib.import_module(module), name)


def entry(name: str) -> str:
    """One entry point as text of the MLproject file.

    Parameters that depend on others (their default is None) are only named: MLflow passes `-P NAME=VALUE` of an
    undeclared parameter on, and keeps nothing of one that is not given, so a run shows the value that was used.
    """
    config, module = config_of(name), ENTRY_POINTS[name][0]
    lines, options, undeclared = [], [], []
    for field in dataclasses.fields(config):
        if field.default is None:
            undeclared.append(field.name)
            continue
        kind, default = kind_of(config, field.name), as_text(field.default)
        plain = kind in TYPES or (kind is str and default and not default.isdigit())
        quoted = default if plain else f'"{default}"'
        lines.append(f"      {field.name}: {{type: {TYPES.get(kind, 'string')}, default: {quoted}}}")
        options.append(f"--{field.name} {{{field.name}}}".replace(" ", "\0"))
    program = f"-m {module}" if module.startswith("gan.") else f"{module}.py"
    line = " ".join([f"python {program}", *options])
    command = textwrap.wrap(line, 110, break_on_hyphens=False, break_long_words=False)
    if undeclared:
        lines.append(f"      # besides, by default depending on others: {', '.join(undeclared)}")
    body = "".join(f"      {line}\n" for line in command).replace("\0", " ")
    return f"  {name}:\n    parameters:\n" + "\n".join(lines) + f"\n    command: >-\n{body}"


def text(environment: str = CONDA) -> str:
    """The whole MLproject file."""
    return HEAD.format(environment=environment) + "\n".join(map(entry, ENTRY_POINTS))


if __name__ == "__main__":
    (ROOT / "MLproject").write_text(text())
    (ROOT / "deploy" / "MLproject").write_text(text(DOCKER))
