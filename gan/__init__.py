"""GANs that fill up small and uneven image data sets.

Importing the package checks the interpreter and the installed packages: an unsuitable environment is an ImportError
with one sentence.  This file keeps to syntax that old Pythons parse.
"""

import importlib.util
import os
import signal
import sys
from pathlib import Path

PACKAGES = {
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


def _refuse(sentence):
    """Raise the ImportError; a command that it ends prints the sentence alone, with status 2."""

    def one_sentence(kind, error, trace, usual=sys.excepthook):
        if error is not refusal:
            return usual(kind, error, trace)
        sys.stderr.write("error: " + sentence + "\n")
        sys.exit(2)

    refusal = ImportError(sentence)
    sys.excepthook = one_sentence
    raise refusal


def _check_environment():
    started = sys.executable or "Python"
    if not (3, 11) <= sys.version_info < (3, 14):
        found = ".".join(str(part) for part in sys.version_info[:3])
        _refuse(
            "Python 3.11 to 3.13 is needed and " + started + " is " + found + "; "
            "run `pip install uv`, then start with `uv run`, which fetches a suitable Python."
        )
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        _refuse(
            started + " is the Python that was started, and it lacks " + ", ".join(missing) + "; "
            "start with `uv run --frozen` in the project's folder, as in "
            "`uv run --frozen mlflow run . --env-manager local`, which takes the Python of .venv whatever PATH says."
        )


def _stop_at_once():
    """Let Ctrl-C end a command of the project while it is imported: Python would show a traceback.

    `gan.config.run` hears signals from then on.
    """
    started = sys.argv[0] if sys.argv else ""
    script = started.endswith(".py") and Path(started).resolve().parent == Path(__file__).resolve().parents[1]
    if (script or started == "-m") and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


_stop_at_once()
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
