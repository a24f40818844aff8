import sys
from pathlib import Path

import pytest

from gan import machine


def test_this_machine_has_a_processor() -> None:
    assert machine.processor()
    assert all("bf16" in name for name in machine.bfloat16_instructions())


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/else/where"}, "/else/where"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/me/.cache"),
        ("linux", {}, "/home/me/.cache"),
        ("darwin", {}, "/home/me/Library/Caches"),
        ("win32", {"LOCALAPPDATA": "/home/me/local"}, "/home/me/local"),
        ("win32", {}, "/home/me/AppData/Local"),
    ],
)
def test_the_cache_is_where_the_system_has_it(platform, variables, folder, monkeypatch) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/me"))
    assert machine.cache_folder() == Path(folder) / "gan-augmentation"
