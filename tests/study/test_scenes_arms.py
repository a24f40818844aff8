"""Arms of the study of scenes: how the parameter names them, and how often what is drawn."""

import numpy as np
import pytest

from gan.errors import UserError
from gan.study.scenes_arms import odds, parse_arms, parse_regimes


def test_all_arms_are_meant_by_nothing_and_some_by_their_names() -> None:
    usual = ["real", "classical", "pasted-25", "pasted-50", "generated-25", "generated-50", "both-25", "both-50"]
    assert [arm.name for arm in parse_arms("")] == usual
    assert [arm.name for arm in parse_arms("both-7, real")] == ["both-7", "real"]


def test_a_name_says_what_is_drawn() -> None:
    found = {arm.name: (arm.share, arm.classical) for arm in parse_arms("real,classical,generated-99,both-5")}
    assert found == {"real": (0, False), "classical": (0, True), "generated-99": (99, False), "both-5": (5, True)}
    assert "99 % of the draws" in parse_arms("generated-99")[0].words
    (pasted,) = parse_arms("pasted-30")
    assert pasted.classical and pasted.share == 30 and not pasted.generated and "pasted into them" in pasted.words
    (painted,) = parse_arms("inpaint-30")
    assert painted.classical and painted.share == 30 and painted.generated and "painted into them" in painted.words


@pytest.mark.parametrize("name", ["fake", "generated", "both", "generated-0", "generated-100", "both-05", "real-5"])
def test_other_arms_are_refused(name) -> None:
    with pytest.raises(UserError, match=f"inpaint-SHARE and pasted-SHARE .*not '{name}'"):
        parse_arms(f"real,{name}")


def test_no_arm_is_named_twice() -> None:
    with pytest.raises(UserError, match="names one twice"):
        parse_arms("real,both-5,real")


def test_the_only_regime_is_full() -> None:
    assert parse_regimes("full") == ("full",)
    for text in ("50", "full,5", ""):
        with pytest.raises(UserError, match="regimes is full for task=scenes.*has learned all training scenes"):
            parse_regimes(text)


@pytest.mark.parametrize(("share", "real", "generated"), [(25, 3, 9), (50, 40, 1), (99, 1, 600), (1, 2, 2)])
def test_the_share_is_that_of_the_draws_however_many_pairs_there_are(share, real, generated) -> None:
    found = odds(share, real, generated)
    assert found.shape == (real + generated,) and found.sum() == pytest.approx(1)
    assert found[real:].sum() == pytest.approx(share / 100)
    assert np.ptp(found[:real]) == np.ptp(found[real:]) == 0
