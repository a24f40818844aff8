"""GANs that fill up small and uneven image data sets.

Importing the package checks the interpreter and the installed packages, so that an unsuitable environment is
one sentence and not a traceback from deep inside.  This file keeps to syntax that old Pythons parse.
"""

import importlib.util
import os
import sys

_PACKAGES = {
    "jinja2": "jinja2",
    "keras": "keras",
    "matplotlib": "matplotlib",
    "mlflow": "mlflow",
    "numpy": "numpy",
    "pandas": "pandas",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "requests": "requests",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "tensorflow": "tensorflow",
    "tqdm": "tqdm",
    "urllib3": "urllib3",
}


def _stop(sentence):
    sys.stderr.write("error: " + sentence + "\n")
    raise SystemExit(2)


def _check_environment():
    if not (3, 11) <= sys.version_info < (3, 14):
        found = ".".join(str(part) for part in sys.version_info[:3])
        _stop(
            "Python 3.11 to 3.13 is needed and this is " + found + "; "
            "run `pip install uv`, then start with `uv run`, which fetches a suitable Python."
        )
    missing = [name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        _stop(
            "missing package" + ("s " if len(missing) > 1 else " ") + ", ".join(missing) + "; "
            "install the pinned ones with `uv sync --frozen` and start with `uv run`."
        )


_check_environment()

# Set before the first import of the packages that read them.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")  # not a line for every table of a new database
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # a server that is not there is told in seconds
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # one for every file
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")  # else a saved model asks for all that this project needs


def __getattr__(name):
    # Loaded when it is asked for: nothing else here needs imbalanced-learn, and importing the package stays quick.
    if name == "GANOverSampler":
        from gan.dcgan.oversampler import GANOverSampler

        return GANOverSampler
    raise AttributeError("module 'gan' has no attribute " + repr(name))
