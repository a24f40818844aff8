import numpy as np
import pytest

from gan.training.health import GRACE, WON, WON_FOR, Finding, Watch

CALM = {"generator_loss": 0.8, "discriminator_loss": 0.6, "accuracy_real": 0.7, "accuracy_generated": 0.7}
WINNING = CALM | {"accuracy_real": 1.0, "accuracy_generated": 0.99}


def reports(watch: Watch, metrics: dict[str, float], count: int, first: int = GRACE) -> list[Finding | None]:
    """What the watch says to so many reports in a row."""
    return [watch.losses(first + 25 * k, metrics) for k in range(count)]


def told(findings: list[Finding | None]) -> list[int]:
    return [k for k, finding in enumerate(findings) if finding is not None]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["generator_loss", "accuracy_real", "gradient_penalty"])
def test_what_is_no_number_is_fatal_and_named_at_once(name: str, value: float) -> None:
    finding = Watch().losses(1, CALM | {name: value})
    assert finding.fatal and finding.name == "nan"
    assert name in finding.words
    assert all(part in finding.words for part in ("half", "generator_lr", "discriminator_lr", "float32"))


def test_a_calm_run_is_left_in_peace() -> None:
    assert told(reports(Watch(), CALM, 100)) == []


def test_a_winning_discriminator_is_told_once_with_the_remedy() -> None:
    findings = reports(Watch(), WINNING, 3 * WON_FOR)
    assert told(findings) == [WON_FOR - 1]
    finding = findings[WON_FOR - 1]
    assert not finding.fatal and finding.name == "discriminator-wins"
    assert "lower discriminator_lr" in finding.words and "raise generator_lr" in finding.words


def test_it_is_told_again_once_it_had_passed() -> None:
    watch = Watch()
    findings = reports(watch, WINNING, WON_FOR) + reports(watch, CALM, 1) + reports(watch, WINNING, WON_FOR + 5)
    assert told(findings) == [WON_FOR - 1, 2 * WON_FOR]


def test_winning_counts_only_in_a_row() -> None:
    watch = Watch()
    for _ in range(5):
        assert told(reports(watch, WINNING, WON_FOR - 1)) == []
        assert told(reports(watch, CALM, 1)) == []


@pytest.mark.parametrize("kind", ["accuracy_real", "accuracy_generated"])
def test_the_discriminator_has_to_win_on_both_kinds(kind: str) -> None:
    assert told(reports(Watch(), WINNING | {kind: WON - 0.01}, 2 * WON_FOR)) == []
    assert told(reports(Watch(), WINNING | {kind: WON}, 2 * WON_FOR)) == [WON_FOR - 1]


def test_winning_at_the_start_of_a_run_is_usual() -> None:
    watch = Watch()
    assert told(reports(watch, WINNING, 2 * WON_FOR, first=GRACE - 25 * 2 * WON_FOR)) == []
    assert told(reports(watch, WINNING, 3)) == [0], "but not any more once the time of grace is over"


def patterns(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 160, (count, 32, 32, 3)).astype(np.uint8)


def in_other_light(picture: np.ndarray, count: int) -> np.ndarray:
    """Copies of one picture with other brightness and contrast, and a little noise."""
    random = np.random.default_rng(1)
    light = random.uniform(0.6, 1.3, (count, 1, 1, 1)), random.uniform(-20, 40, (count, 1, 1, 1))
    return np.clip(picture * light[0] + light[1] + random.normal(0, 2, (count, *picture.shape)), 0, 255).astype(
        np.uint8
    )


def test_one_picture_in_many_lights_is_a_collapse() -> None:
    watch, real = Watch(), patterns(40)
    alike = in_other_light(real[0], 32)
    finding = watch.samples(GRACE, alike, real)
    assert finding.name == "mode-collapse" and not finding.fatal
    assert "lower generator_lr" in finding.words and "discriminator_lr" not in finding.words
    assert watch.samples(GRACE + 100, alike, real) is None, "told once"
    assert watch.samples(GRACE + 200, patterns(32, 3), real) is None
    assert watch.samples(GRACE + 300, alike, real) is not None, "told again after it had passed"


def test_the_share_of_the_real_images_spread_is_told() -> None:
    real = patterns(40)
    assert "(0% of the distance between real ones)" in Watch().samples(GRACE, real[:1].repeat(32, axis=0), real).words


def test_varied_images_are_no_collapse() -> None:
    assert Watch().samples(GRACE, patterns(32, 3), patterns(40)) is None


def test_real_images_that_are_alike_themselves_allow_generated_ones_that_are() -> None:
    real = in_other_light(patterns(1)[0], 40)
    assert Watch().samples(GRACE, in_other_light(patterns(1)[0], 32), real) is None


def test_a_single_picture_is_not_judged() -> None:
    one = np.zeros((1, 8, 8, 3), np.uint8)
    assert Watch().samples(5_000, one, one) is None and Watch().samples(5_000, one.repeat(9, axis=0), one) is None


def test_samples_are_not_judged_in_the_time_of_grace() -> None:
    real = patterns(40)
    assert Watch().samples(GRACE - 1, real[:1].repeat(32, axis=0), real) is None


def test_one_finding_does_not_hide_the_other() -> None:
    watch, real = Watch(), patterns(40)
    assert watch.samples(GRACE, real[:1].repeat(32, axis=0), real) is not None
    assert told(reports(watch, WINNING, WON_FOR)) == [WON_FOR - 1]
