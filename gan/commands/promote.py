"""Give a good run a name: register its generator in MLflow's model registry and point an alias at it."""

import dataclasses

from gan.config import Config, option, run
from gan.invocation import start


@dataclasses.dataclass(frozen=True)
class PromoteConfig(Config):
    """Register a run's generator: models:/NAME@ALIAS names it, and MLflow serves it."""

    run_id: str = option("", "the run, 32 hexadecimal digits", pattern="[0-9a-f]{32}", wanted="a run id of MLflow")
    name: str = option("traffic-signs", "of the registered model", pattern="[^/@:]+", wanted="a name without / @ :")
    alias: str = option(
        "goodrun",
        "the alias to point at it",
        pattern=r"(?!latest$|v\d+$)[a-z][a-z0-9_-]*",
        wanted="a small letter, and small letters, digits, _ and - after it (`latest` and `v1` are MLflow's own)",
    )
    data_licence: str = option("unknown", "of the data that the run has learned, for a tag of the version")
    force: bool = option(False, "replace a generator that scores better on the same data, too")


def main(config: PromoteConfig) -> None:
    """Archive -> registry."""
    from gan import archive

    with archive.adopted_run("promote", f"promote {config.name}@{config.alias}", config):
        reference = archive.register(config.run_id, config.name, config.alias, config.data_licence, config.force)
    print(
        f"{config.run_id} is {reference} now; generate from it with --goodrun_ref {reference}\n"
        f"serve: {start('mlflow')} models serve -m {reference} --env-manager local -p 5001"
    )


if __name__ == "__main__":
    run(PromoteConfig, main)
