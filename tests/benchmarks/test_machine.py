import os

import pytest

from benchmarks import machine


@pytest.mark.parametrize(("load", "warned"), [(0.2, False), (1.27, True)])
def test_a_busy_machine_is_warned_about_with_what_follows_from_it(load, warned, monkeypatch, capsys):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    machine.warn_unless_idle("the times will be too long")
    expected = "warning: this machine is not idle (load 1.3): the times will be too long.\n"
    assert capsys.readouterr().out == (expected if warned else "")


def test_where_the_system_tells_no_load_there_is_no_warning(monkeypatch, capsys):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    machine.warn_unless_idle("the times will be too long")
    assert capsys.readouterr().out == ""
