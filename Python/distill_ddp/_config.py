"""Configurations as the program takes them: a file and what overrides it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from ._data import Rows, is_path, jsonl_file, kept_file
from ._program import output

#: A YAML file, the name of a template (``distill-ddp help config init`` lists them), or the configuration itself.
Configuration = Union[str, "os.PathLike[str]", Mapping[str, Any]]
#: Values by their keys' paths, as ``{"training.batchSize": 64}``.
Overrides = Optional[Mapping[str, Any]]
#: Rows for ``train``, ``validation``, ``test`` and ``unlabelled``, in place of the configuration's.
Data = Optional[Mapping[str, Rows]]


def arguments(config: Configuration, overrides: Overrides, data: Data = None) -> list[str]:
    words = ["--config", _file(config)]
    for key, value in {**_sources(data), **(overrides or {})}.items():
        words += ["--set", f"{key}={_yaml(value)}"]
    return words


def resolved(words: Sequence[str]) -> str:
    """The runs that a configuration stands for, with every default. Finds what is wrong with it, too."""
    return output(["config", "show", *words])


def settings(shown: str) -> dict[str, Any]:
    """What stands in a resolved configuration by its keys' paths, as ``stages.0.name``."""
    found: dict[str, Any] = {}
    # The keys that the line is in, with how far each is indented; of a list's element its place.
    path: list[tuple[int, str]] = []
    places: dict[tuple[str, ...], int] = {}
    for line in shown.split("\n"):
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        while path and path[-1][0] >= indent:
            path.pop()
        if text.startswith("- "):
            parent = tuple(key for _, key in path)
            places[parent] = places.get(parent, -1) + 1
            path.append((indent, str(places[parent])))
            text, indent = text[2:], indent + 2
        key, colon, value = text.partition(":")
        if not colon or text.startswith("#"):
            continue
        path.append((indent, key.strip('"')))
        if value:
            found[".".join(key for _, key in path)] = _scalar(value.strip())
    return found


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def directories(shown: str) -> list[str]:
    """The directories of the runs in a resolved configuration."""
    found = re.findall(r"^run:\n  directory: (.*)$", shown, flags=re.MULTILINE)
    return [json.loads(value) if value.startswith('"') else value.strip("'") for value in found]


def _file(config: Configuration) -> str:
    if isinstance(config, Mapping):
        return kept_file(_yaml(config) + "\n", ".yaml")
    name = os.fspath(config)
    if re.fullmatch(r"[a-z0-9-]+", name) and not os.path.exists(name):
        return kept_file(output(["config", "init", name]), ".yaml")
    return name


def _sources(data: Data) -> dict[str, Any]:
    sources: dict[str, Any] = {}
    for name, rows in (data or {}).items():
        if name not in ("train", "validation", "test", "unlabelled"):
            raise ValueError(f"data: expected train, validation, test and unlabelled, found {name!r}")
        source = {"jsonl": jsonl_file(rows)} if not is_path(rows) else _source(os.fspath(rows))  # type: ignore[arg-type]
        sources[f"data.{name}"] = [source] if name == "unlabelled" else source
    return sources


def _source(path: str) -> dict[str, str]:
    kind = re.sub(r"\.gz$", "", path).rpartition(".")[2]
    return {kind if kind in ("csv", "tsv", "jsonl", "parquet", "arrow") else "text": path}


def _yaml(value: Any) -> str:
    """JSON, which YAML contains."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_fspath)


def _fspath(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return os.fspath(value)
