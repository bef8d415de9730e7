"""Safetensors files of 32-bit floats and 64-bit integers, as the program writes features."""

from __future__ import annotations

import json
from typing import Any

_CODES: dict[str, Any] = {"F32": "f", "I64": "q"}


def numpy() -> Any:
    try:
        import numpy  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return numpy


def read(path: str) -> dict[str, Any]:
    """numpy arrays, or memoryviews of the same shape where numpy is not installed."""
    with open(path, "rb") as file:
        contents = memoryview(file.read())
    start = 8 + int.from_bytes(contents[:8], "little")
    header = json.loads(bytes(contents[8:start]))
    header.pop("__metadata__", None)
    module = numpy()
    tensors: dict[str, Any] = {}
    for name, tensor in header.items():
        first, last = tensor["data_offsets"]
        values = contents[start + first : start + last]
        shape = tuple(tensor["shape"])
        if module is not None:
            kind = {"F32": module.float32, "I64": module.int64}[tensor["dtype"]]
            tensors[name] = module.frombuffer(values, kind).reshape(shape)
        else:
            code = _CODES[tensor["dtype"]]
            # A view of no elements has one dimension.
            tensors[name] = values.cast(code) if 0 in shape else values.cast(code, shape)
    return tensors
