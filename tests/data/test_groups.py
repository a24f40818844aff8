"""Which images show one object: patterns that never end are refused, whoever wrote them."""

import time
from pathlib import Path

import pytest

from gan.data import groups
from gan.data.class_layout import File, Layout
from gan.errors import UserError


def layout(*names: str) -> Layout:
    files = tuple(File(f"cat/{name}", "cat", "train", "") for name in names)
    return Layout(Path("images"), None, ("cat",), files, "folder", ())  # type: ignore[arg-type]


def test_a_pattern_names_objects() -> None:
    found = groups.objects(layout("7_1.png", "7_2.png", "8_1.png"), "^(.*?)_", [])
    assert groups.numbered(found).tolist() == [0, 0, 1]


def test_a_pattern_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "PATIENCE", (0.1, 0.0))
    began = time.process_time()
    with pytest.raises(UserError, match=r"groups=\(a\+\)\+\$ takes too long .*; simplify the pattern\."):
        groups.objects(layout("a" * 60 + ".png"), "(a+)+$", [])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "pattern", ["(", "a{99999999999}", "(" * 500 + ")" * 500, "x" * 2000], ids=lambda text: text[:9]
)
def test_no_pattern(pattern: str) -> None:
    with pytest.raises(UserError, match="is no regular expression .*; give folder, column or a pattern"):
        groups.objects(layout("a.png"), pattern, [])
