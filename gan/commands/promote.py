"""Give a good run a name: register its generator in MLflow's model registry and point an alias at it."""

import dataclasses
import re

import gan  # noqa: F401  checks Python and the packages before anything else is imported
from gan.command_line import option, require, run


@dataclasses.dataclass(frozen=True)
class PromoteConfig:
    """Register a run's generator, so that models:/NAME@ALIAS names it."""

    run_id: str = option("", "the run, 32 hexadecimal digits")
    name: str = option("traffic-signs", "of the registered model")
    alias: str = option("goodrun", "the alias to point at it")

    def __post_init__(self):
        require(re.fullmatch(r"[0-9a-f]{32}", self.run_id) is not None, "run_id", "a run id of MLflow", self.run_id)


def main(config: PromoteConfig) -> None:
    """Archive -> registry."""
    from gan import tracking

    reference = tracking.register(config.run_id, config.name, config.alias)
    print(f"{config.run_id} is {reference} now; generate from it with --goodrun_ref {reference}")


if __name__ == "__main__":
    run(PromoteConfig, main)
