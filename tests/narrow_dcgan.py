"""train_dcgan.py with networks eight times narrower, for tests that start it in a process of its own."""

import runpy

import pytest

from tests.conftest import ROOT, narrow

if __name__ == "__main__":
    narrow(pytest.MonkeyPatch())
    runpy.run_path(str(ROOT / "train_dcgan.py"), run_name="__main__")
