"""The numbers distill-ddp draws for a new projection, so that both programs start alike: Box and Muller's transform of
SplitMix64, keyed by the parameter's name."""

import numpy
import torch


def projection_weight(shape, adaptor: str, seed: int) -> torch.Tensor:
    count = shape[0] * shape[1]
    state = 0xCBF29CE484222325
    for byte in f"projection.{adaptor}.weight".encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    state ^= seed * 0x9E3779B97F4A7C15 % 2**64
    with numpy.errstate(over="ignore"):
        draws = (count + 1) // 2 * 2
        steps = numpy.arange(1, draws + 1, dtype=numpy.uint64)
        counter = numpy.uint64(state) + steps * numpy.uint64(0x9E3779B97F4A7C15)
        mixed = (counter ^ (counter >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> numpy.uint64(31)
    uniform = ((mixed >> numpy.uint64(11)) + numpy.uint64(1)).astype(numpy.float64) / 2**53
    radius, angle = numpy.sqrt(-2 * numpy.log(uniform[0::2])), 2 * numpy.pi * uniform[1::2]
    normal = numpy.stack([radius * numpy.cos(angle), radius * numpy.sin(angle)], axis=1).reshape(-1)
    return torch.from_numpy(normal[:count].astype(numpy.float32) * numpy.float32(0.02)).reshape(shape)
