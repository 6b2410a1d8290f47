"""The version, in the one place that pyproject.toml reads it from."""

__version__ = "0.1.0"
