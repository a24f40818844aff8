"""This project beside others, measured: each benchmark writes a CSV with the command that made it."""

import gan  # noqa: F401  checks the environment and chooses Keras' backend before a benchmark imports Keras
