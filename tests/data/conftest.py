"""What tests of anybody's images share."""

import itertools

import pytest

from tests.made_up_gtsrb import write_tree, write_zip


@pytest.fixture(params=["folder", "zip"])
def place(request, tmp_path):
    """Write files as a folder or as a zip."""
    numbers = itertools.count()
    if request.param == "zip":
        return lambda files: write_zip(tmp_path / f"some{next(numbers)}.zip", files)
    return lambda files: write_tree(tmp_path / f"some{next(numbers)}", files)


@pytest.fixture
def folder(tmp_path):
    numbers = itertools.count()
    return lambda files: write_tree(tmp_path / f"some{next(numbers)}", files)
