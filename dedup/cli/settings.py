"""Settings from dedup.toml or [tool.dedup], under the flags, as one `Config` and the arguments of a run."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from dedup.config import CandidateConfig, ClusterConfig, Config, ReadConfig, SketchConfig, VerifyConfig
from dedup.errors import UsageError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_LISTS = ("drop", "prefer", "source_priority")
# Keys of the file that are flags of `dedup run` and no cut-offs.
RUN_KEYS: Mapping[str, Any] = {
    "against": list[str], "annotate": bool, "index": str, "input_format": str, "keep_text": bool,
    "max_drop_rate": float, "memory": str | int, "no_overwrite": bool, "on_duplicate_id": str,
    "temp": str, "use_statistics": str, "workers": int,
}  # fmt: skip
_PARTS: Mapping[str, type] = {
    "read": ReadConfig, "sketch": SketchConfig, "candidates": CandidateConfig,
    "verify": VerifyConfig, "cluster": ClusterConfig,
}  # fmt: skip


def load_settings(flags: Mapping[str, Any], config_file: str | None) -> dict[str, Any]:
    """Return all settings by name: those of the file, overridden by the flags that were given.

    Raises
    ------
    UsageError
        If the file is not there, not TOML, or holds a key that does not exist or a value of the wrong type.
    """
    settings = _read_file(config_file)
    settings.update({name: value for name, value in flags.items() if value is not None})
    return settings


def make_config(settings: Mapping[str, Any]) -> Config:
    """Return the cut-offs among the settings, validated.

    Examples
    --------
    >>> make_config({"profile": "strict", "drop": "exact,near"}).cluster.drop
    ('exact', 'near')
    """
    parts = {}
    for name, kind in _PARTS.items():
        chosen = {f.name: settings[f.name] for f in fields(kind) if f.name in settings}
        for key in _LISTS:
            if key in chosen:
                chosen[key] = _listed(chosen[key])
        parts[name] = kind(**chosen)
    return Config(**parts)


def parse_size(text: str | int) -> int:
    """Return a number of bytes from "500M", "4G" or "4GiB".

    Examples
    --------
    >>> parse_size("4G") == parse_size("4GiB") == 4 * 2**30
    True
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", str(text).strip().lower())
    if not match:
        raise UsageError(f"cannot read the size {text!r}", remedy="give a number with K, M, G or T: 4G")
    return int(float(match[1]) * _UNITS[match[2]])


def _listed(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())


def _read_file(config_file: str | None) -> dict[str, Any]:
    if config_file is not None:
        return _checked(_section(Path(config_file), required=True), config_file)
    for name in ("dedup.toml", "pyproject.toml"):
        path = Path(name)
        if path.is_file():
            section = _section(path, required=False)
            if section:
                return _checked(section, name)
    return {}


def _section(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError("no such configuration file", where=str(path), remedy="check --config") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        if not required and path.name == "pyproject.toml":
            return {}  # another tool's business
        raise UsageError(f"cannot read the configuration: {error}", where=str(path)) from error
    tool = content.get("tool", {}).get("dedup") if isinstance(content.get("tool"), dict) else None
    if path.name == "pyproject.toml":
        return dict(tool or {})
    return dict(tool if tool is not None else content)


def _checked(section: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {name: hint for kind in _PARTS.values() for name, hint in get_type_hints(kind).items()}
    known |= {name: str | list[str] for name in _LISTS} | {"profile": str} | dict(RUN_KEYS)
    settings = {key.replace("-", "_"): value for key, value in section.items()}
    for key, value in settings.items():
        if key not in known:
            listed = ", ".join(sorted(known))
            raise UsageError(f"unknown setting {key!r}", where=where, remedy=f"known are {listed}")
        try:
            msgspec.convert(value, known[key])
        except msgspec.ValidationError as error:
            raise UsageError(
                f"setting {key} = {value!r} is of the wrong type", where=where, remedy=str(error).lower()
            ) from error
    return settings
