"""What `import gan` offers, and that it costs nothing until it is asked for."""

import email
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

import gan
from tests.conftest import ROOT


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"tensorflow", "keras", "mlflow", "sklearn", "imblearn", "numpy"}
    code = f"import sys, gan; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tensorflow_is_loaded_without_its_greetings_wherever_it_is_loaded_first():
    for path in sorted((ROOT / "gan").rglob("*.py")):
        loads = [line.split()[1] for line in path.read_text().splitlines() if re.match(r"(import|from) \w", line)]
        heavy = [name for name in loads if name.partition(".")[0] in ("keras", "tensorflow")]
        if heavy and path.parent.name != "training":
            before = loads[: loads.index(heavy[0])]
            assert any(name.startswith("gan.training") for name in before), path


def test_the_sampler_is_offered_by_the_package():
    pytest.importorskip("imblearn", reason="imbalanced-learn is not installed")
    from gan import GANOverSampler

    assert GANOverSampler is importlib.import_module("gan.dcgan.oversampler").GANOverSampler


def test_without_imbalanced_learn_there_is_one_sentence(monkeypatch):
    for name in ("imblearn", "imblearn.over_sampling", "imblearn.over_sampling.base"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "gan.dcgan.oversampler", raising=False)
    with pytest.raises(ImportError, match=r"^GANOverSampler needs imbalanced-learn.*`uv sync .*--extra sampling`\.$"):
        gan.GANOverSampler  # noqa: B018  reading it loads it


@pytest.mark.parametrize(
    ("started", "quiet"), [("-m", True), (str(ROOT / "evaluate.py"), True), ("/else/evaluate.py", False), ("", False)]
)
def test_ctrl_c_ends_a_command_that_is_still_imported_and_no_other_program(monkeypatch, started, quiet):
    monkeypatch.setattr(sys, "argv", [started])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        gan._stop_at_once()
        assert (signal.getsignal(signal.SIGINT) == signal.SIG_DFL) == quiet
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell has it for what runs in the background
        gan._stop_at_once()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="module 'gan' has no attribute 'Nothing'"):
        gan.Nothing  # noqa: B018


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that pip builds of the project's files."""
    source, built = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "gan", source / "gan", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "evaluate.py"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(built)!r}))"
    subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=True)
    (path,) = built.iterdir()
    with zipfile.ZipFile(path) as archive:
        archive.extractall(built / "installed")
    return built / "installed"


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel):
    def files(folder):
        return {str(path.relative_to(folder)) for path in (folder / "gan").rglob("*") if path.is_file()}

    assert {name for name in files(ROOT) if "__pycache__" not in name} == files(wheel)
    (information,) = wheel.glob("*.dist-info")
    assert {path.name for path in wheel.iterdir()} == {"gan", information.name}


def test_the_wheel_asks_for_ranges_and_names_the_licence(wheel):
    (path,) = wheel.glob("*.dist-info/METADATA")
    metadata = email.message_from_string(path.read_text())
    wanted = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert len(wanted) == 15
    for text in wanted:
        assert re.fullmatch(r"[a-z0-9-]+<[\d.]+,>=[\d.]+", text), text
    assert metadata["Version"] == "0.1.0" and metadata["License-Expression"] == "Apache-2.0"
    assert (path.parent / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_package_of_the_wheel_works_outside_of_the_project(wheel, tmp_path):
    code = "from gan.archive import resolve; print(resolve('pretrained', 'dcgan', 'all'))"
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert str(wheel / "gan" / "pretrained") in done.stdout
