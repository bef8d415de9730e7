"""Writes Tests/CheckpointsTests/PyTorchFixtures/VERSION with the PyTorch that runs it.

Needs nothing else, and runs on Python 2.7 and later, so that files of old versions can be had:
python Tests/Goldens/make_pytorch_fixtures.py

With --models it also writes the model of Tests/CheckpointsTests/Fixtures/classifier as pytorch_model.bin, in both formats
and in parts, for which it needs safetensors.
"""

import collections
import json
import os
import sys

import torch

root = "Tests/CheckpointsTests/PyTorchFixtures"


def tensors():
    numbers = torch.tensor([0.0, -0.0, 1.0, -2.5, 0.333251953125, 65504.0, 2.0**-14, 2.0**-24, -7.0, 12.0, 3.0, 0.5])
    matrix = torch.arange(24).float().reshape(4, 6)
    shared = torch.arange(10).float()
    state = collections.OrderedDict()
    state["single"] = numbers
    state["half"] = numbers.half()
    state["double"] = numbers.double() / 3
    if hasattr(torch, "bfloat16"):
        state["brain"] = matrix.to(torch.bfloat16)
    state["matrix"] = matrix
    state["transposed"] = matrix.t()
    state["permuted"] = torch.arange(24).float().reshape(2, 3, 4).permute(2, 0, 1)
    state["sliced"] = matrix[1:, 1::2]
    state["expanded"] = matrix[2].expand(3, 6)
    state["shared.start"] = shared[:4]
    state["shared.end"] = shared[4:].reshape(2, 3)
    state["tied"] = matrix
    state["scalar"] = torch.tensor(0.25)
    state["empty"] = torch.zeros(0, 3)
    state["one"] = torch.ones(1, 1, 5).transpose(0, 2)
    state["parameter"] = torch.nn.Parameter(torch.tensor([1.5, -1.5]))
    state["frozen"] = torch.nn.Parameter(matrix.half().t(), requires_grad=False)
    state["position_ids"] = torch.arange(6).reshape(1, 6)
    state["bytes"] = torch.tensor([1, 255], dtype=torch.uint8)
    state[u"n\u00e4me"] = torch.tensor([8.0])
    # What state_dict() attaches, and nothing reads.
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    return state


def expected(state):
    names = {"torch.float32": "F32", "torch.float16": "F16", "torch.bfloat16": "BF16", "torch.float64": "F64",
             "torch.int64": "I64", "torch.uint8": "U8"}
    return {
        name: {"dtype": names[str(tensor.dtype)], "shape": list(tensor.shape),
               "values": tensor.detach().float().contiguous().view(-1).tolist()}
        for name, tensor in state.items()
    }


def write_tensors():
    version = torch.__version__.split("+")[0]
    directory = os.path.join(root, version)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    state = tensors()
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) >= (1, 5):
        # In 1.5 an option, later the default.
        torch.save(state, os.path.join(directory, "zip.bin"), _use_new_zipfile_serialization=True)
        torch.save(dict(state), os.path.join(directory, "legacy.bin"), _use_new_zipfile_serialization=False)
    else:
        torch.save(state, os.path.join(directory, "legacy.bin"))
    if hasattr(torch.serialization, "set_crc32_options"):
        torch.serialization.set_crc32_options(False)
        torch.save(state, os.path.join(directory, "no-checksums.bin"))
        torch.serialization.set_crc32_options(True)
    with open(os.path.join(directory, "expected.json"), "w") as file:
        json.dump(expected(state), file, sort_keys=True)
        file.write("\n")


def write_models():
    from safetensors.torch import load_file

    state = load_file("Tests/CheckpointsTests/Fixtures/classifier/model.safetensors")
    # Old files carry it; no parameter does.
    state["bert.embeddings.position_ids"] = torch.arange(10).reshape(1, 10)
    for name in ["model-zip", "model-legacy", "model-sharded"]:
        directory = os.path.join(root, name)
        if not os.path.isdir(directory):
            os.makedirs(directory)
        with open("Tests/CheckpointsTests/Fixtures/classifier/config.json") as source:
            with open(os.path.join(directory, "config.json"), "w") as file:
                file.write(source.read())
    torch.save(state, os.path.join(root, "model-zip/pytorch_model.bin"))
    torch.save(state, os.path.join(root, "model-legacy/pytorch_model.bin"), _use_new_zipfile_serialization=False)
    names = sorted(state)
    weight_map = {}
    for part, keys in enumerate([names[:20], names[20:]]):
        file = "pytorch_model-%05d-of-00002.bin" % (part + 1)
        torch.save({key: state[key] for key in keys}, os.path.join(root, "model-sharded", file))
        weight_map.update({key: file for key in keys})
    with open(os.path.join(root, "model-sharded/pytorch_model.bin.index.json"), "w") as file:
        json.dump({"metadata": {}, "weight_map": weight_map}, file, indent=2)
        file.write("\n")


write_tensors()
if "--models" in sys.argv:
    write_models()
