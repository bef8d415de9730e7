"""The messages of a sum over ranks, and how long hosts' links take for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Ethernet's, IP's and TCP's headers of a packet of 1,500 bytes.
HEADERS = 1514 / 1448

# Of a round: sender, receiver, and what part of all numbers it sends.
Round = list[tuple[int, int, float]]


def halving(size: int) -> list[Round]:
    """As Sources/Collectives/RecursiveDoubling.swift has it: adjacent ranks exchange halves, pairs quarters, and so on,
    and back. Where there is no power of two of ranks, some fold into their left neighbour first."""
    levels = size.bit_length() - 1
    folded = size - (1 << levels)
    members = [2 * member if member < folded else member + folded for member in range(1 << levels)]
    rounds = [[(rank, members[member ^ 1 << level], 0.5 ** (level + 1)) for member, rank in enumerate(members)]
              for level in range(levels)]
    into = [[(2 * member + 1, 2 * member, 1.0) for member in range(folded)]] if folded else []
    back = [[(receiver, sender, part) for sender, receiver, part in round] for round in into]
    return into + rounds + rounds[::-1] + back


def each_to_every(size: int) -> list[Round]:
    """As it was: every rank adds up a part, which it gets from all others, and then gives to them."""
    return 2 * [[(sender, receiver, 1 / size) for sender in range(size) for receiver in range(size)
                 if sender != receiver]]


@dataclass(frozen=True)
class Links:
    """Every host has one, which its ranks share; rank r is on host r // ranks."""

    bandwidth: float  # bytes a second, each way
    latency: float  # seconds of a round's messages beside their bytes
    ranks: int = 1  # on each host

    def load(self, round: Round) -> float:
        """What the busiest link carries in its busier direction: a part of all numbers."""
        loads: dict[tuple[int, bool], float] = {}
        for sender, receiver, part in round:
            source, target = sender // self.ranks, receiver // self.ranks
            if source != target:
                for key in ((source, False), (target, True)):
                    loads[key] = loads.get(key, 0.0) + part
        return max(loads.values(), default=0.0)

    def seconds(self, rounds: list[Round], size: float, chunks: int) -> float:
        """Of a sum of `size` bytes in some chunks, of which each goes through all rounds before the next."""
        loads = [load for load in map(self.load, rounds) if load > 0]
        return size * sum(loads) / self.bandwidth + chunks * len(loads) * self.latency

    def sent(self, rounds: list[Round], size: float, host: int) -> float:
        """The bytes that leave a host."""
        return size * math.fsum(
            part for round in rounds for sender, receiver, part in round
            if sender // self.ranks == host != receiver // self.ranks)
