"""The tour: a mistake is told before the first signs are made."""

import pytest

from gan.commands.tour import TourConfig, main
from gan.errors import UserError


def test_a_class_that_there_is_not_is_told_at_once(capsys):
    with pytest.raises(UserError, match="class_val is a GTSRB class id from 0 to 42"):
        main(TourConfig(class_val="77"))
    assert capsys.readouterr().out == ""
