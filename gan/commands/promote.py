"""Give a good run a name: register its generator in MLflow's model registry and point an alias at it."""

import dataclasses
import re

import gan  # noqa: F401  checks Python and the packages before anything else is imported
from gan.config import option, require, run


@dataclasses.dataclass(frozen=True)
class PromoteConfig:
    """Register a run's generator, so that models:/NAME@ALIAS names it."""

    run_id: str = option("", "the run, 32 hexadecimal digits")
    name: str = option("traffic-signs", "of the registered model")
    alias: str = option("goodrun", "the alias to point at it")

    def __post_init__(self):
        for name, form, wanted in (
            ("run_id", r"[0-9a-f]{32}", "a run id of MLflow"),
            ("name", r"[^/@:]+", "a name without / @ :"),
            (
                "alias",
                r"(?!latest$|v\d+$)[a-z][a-z0-9_-]*",
                "of small letters, digits, _ and -, not `latest`",
            ),
        ):
            value = getattr(self, name)
            require(re.fullmatch(form, value) is not None, name, wanted, value)


def main(config: PromoteConfig) -> None:
    """Archive -> registry."""
    from gan import archive

    reference = archive.register(config.run_id, config.name, config.alias)
    print(f"{config.run_id} is {reference} now; generate from it with --goodrun_ref {reference}")


if __name__ == "__main__":
    run(PromoteConfig, main)
