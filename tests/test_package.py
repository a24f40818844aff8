"""What `import gan` offers, and that it costs nothing until it is asked for."""

import importlib
import subprocess
import sys

import pytest

import gan
from tests.conftest import ROOT


def test_importing_the_package_loads_nothing_heavy():
    heavy = {"tensorflow", "keras", "mlflow", "sklearn", "imblearn", "numpy"}
    code = f"import sys, gan; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="module 'gan' has no attribute 'Nothing'"):
        gan.Nothing  # noqa: B018
