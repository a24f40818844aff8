"""Progress: estimates of the time left."""

import time

from gan.progress import progress


def test_a_clock_that_is_put_forward_or_back_does_not_reach_the_time_left(capsys):
    with progress(10, "walking", "step") as bar:
        assert abs(bar.start_t - time.monotonic()) < 60  # the clock of the day would be years away
        bar.update(5)
        assert 0 <= bar.format_dict["elapsed"] < 60
    assert "walking:  50%" in capsys.readouterr().err
