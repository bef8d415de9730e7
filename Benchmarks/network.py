"""Measures the sum of gradients over the links of several hosts, and compares it with the model of docs/scaling.md.

Hosts are network namespaces of this machine, their links shaped by tc; launch/network.sh says what is needed. They share
this machine's cores, so the model trained is one that computes little and sums much: six layers of 384, and sentences of
one word. What the same run waits without shaped links is shown beside: for the cores.
"""

from __future__ import annotations

import argparse
import array
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from links import HEADERS, Links, each_to_every, halving

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(REPOSITORY / "Tests/Faults"))
from hosts import NETWORK, Hosts, call, problem, rule  # noqa: E402

LAYERS, HIDDEN, INNER, POSITIONS = 6, 384, 1536, 16
WARM_UP = 3
# A layer makes a chunk, the embeddings another.
CHUNKS = LAYERS + 1

CONFIGURATION = """\
run: {{directory: {root}/run, seed: 7, keepStates: 1}}
data:
  train: {{text: {root}/text.txt, labels: {root}/labels.txt}}
  validation: {{text: {root}/text.txt, labels: {root}/labels.txt}}
  maxLength: 8
student: {{model: {root}/model}}
training: {{batchSize: {batch}, maxSteps: {steps}, validateEverySteps: 1000000, learningRate: 1.0e-5}}
stages:
  - name: sum
"""


def make_model(folder: pathlib.Path, words: int) -> int:
    """Writes a BERT of random weights, and says how many of its numbers are updated whole."""
    shapes: dict[str, list[int]] = {}

    def norm(name: str) -> None:
        shapes.update({f"{name}.weight": [HIDDEN], f"{name}.bias": [HIDDEN]})

    def linear(name: str, inputs: int, outputs: int) -> None:
        shapes.update({f"{name}.weight": [outputs, inputs], f"{name}.bias": [outputs]})

    for name, rows in [("position", POSITIONS), ("token_type", 2), ("word", words)]:
        shapes[f"bert.embeddings.{name}_embeddings.weight"] = [rows, HIDDEN]
    norm("bert.embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            linear(f"{prefix}.attention.self.{part}", HIDDEN, HIDDEN)
        linear(f"{prefix}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{prefix}.attention.output.LayerNorm")
        linear(f"{prefix}.intermediate.dense", HIDDEN, INNER)
        linear(f"{prefix}.output.dense", INNER, HIDDEN)
        norm(f"{prefix}.output.LayerNorm")
    linear("bert.pooler.dense", HIDDEN, HIDDEN)
    linear("classifier", HIDDEN, 2)
    header, position = {}, 0
    counts = {name: shape[0] * (shape[1] if len(shape) > 1 else 1) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        end = position + 4 * counts[name]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = random.Random(5)
    some = array.array("f", (generator.gauss(0, 0.02) for _ in range(4096)))
    ones = array.array("f", [1.0]) * HIDDEN
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, count in counts.items():
            values = ones if name.endswith("LayerNorm.weight") else some * (count // len(some) + 1)
            file.write(values[:count].tobytes())
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": 12,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "vocab_size": words, "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": 0}))
    return sum(count for name, count in counts.items() if "word_embeddings" not in name)


class DelayedHosts(Hosts):
    """Joined by a program, which keeps every packet for a while."""

    def __init__(self, count: int, ranks: int, program: pathlib.Path, microseconds: int) -> None:
        super().__init__(count, ranks)
        self.program, self.microseconds = str(program), microseconds
        self.relay: subprocess.Popen[str] | None = None

    def __enter__(self) -> DelayedHosts:
        self.remove()
        for name in self.names:
            call("ip", "netns", "add", name)
        own = f"{NETWORK}.1"
        self.relay = subprocess.Popen([self.program, str(self.microseconds), *self.names, own], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if not self.relay.stdout or self.relay.stdout.readline() != "ready\n":
            raise RuntimeError(f"{self.program}: expected \"ready\", found an end with status {self.relay.wait()}")
        for name, device in [*((name, "eth0") for name in self.names), (own, "ddp-delay")]:
            where = [] if name == own else ["-n", name]
            call("ip", *where, "address", "add", f"{name}/24", "dev", device)
            call("ip", *where, "link", "set", device, "mtu", "65000", "up")
            call("ip", *where, "link", "set", "lo", "up")
        return self

    def remove(self) -> None:
        if self.relay:
            self.relay.communicate()
            self.relay = None
        super().remove()

    def shape(self, bits: float) -> None:
        for name in self.names:
            call("tc", "-n", name, "qdisc", "replace", "dev", "eth0", *rule(bits))


@dataclass
class Answer:
    exposed: float  # seconds a step
    sent: float  # bytes that leave the host that sends most, a step


class Measurement:
    def __init__(self, binary: str, steps: int) -> None:
        self.binary, self.steps = str(pathlib.Path(binary).resolve()), steps
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-network-"))
        tokenizer = REPOSITORY / "Tests/Fixtures/tokenizer"
        shutil.copytree(tokenizer, self.root / "model")
        self.words = (tokenizer / "vocab.txt").read_text().split()
        self.numbers = make_model(self.root / "model", len(self.words))
        # Each of so many words comes in every batch, with the tokens that begin and end a sentence.
        (self.root / "text.txt").write_text(f"{self.words[5]}\n" * 64)
        (self.root / "labels.txt").write_text("0\n1\n" * 32)
        self.size = 4 * (self.numbers + 3 * HIDDEN)

    def hosts(self, count: int, ranks: int, delay: int) -> Hosts:
        if not delay:
            return Hosts(count, ranks)
        program = self.root / "delay"
        subprocess.run(["clang", "-O2", str(pathlib.Path(__file__).with_name("delay.c")), "-o", str(program)], check=True)
        return DelayedHosts(count, ranks, program, delay)

    def run(self, hosts: Hosts, *overrides: str) -> Answer:
        """Trains on all hosts, from the start."""
        shutil.rmtree(self.root / "run", ignore_errors=True)
        ranks = hosts.ranks * len(hosts.names)
        configuration = self.root / "configuration.yaml"
        configuration.write_text(CONFIGURATION.format(root=self.root, batch=ranks, steps=self.steps + WARM_UP))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PMIX_", "PMI_"))}
        program = [self.binary, "--config", str(configuration), "--threads", "1", "--quiet"]
        program += [part for override in overrides for part in ("--set", override)]
        log = tempfile.TemporaryFile()
        with subprocess.Popen(hosts.command(self.root, program, "tcp,vader,self"), stdout=log, stderr=log,
                              env=environment, start_new_session=True) as process:
            counts: list[tuple[int, list[int]]] = []
            try:
                while process.poll() is None:
                    steps = len(self.exposed())
                    if not counts or steps > counts[-1][0]:
                        counts.append((steps, hosts.sent()))
                    time.sleep(0.01)
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"{' '.join(program)}: status {process.returncode}: {log.read().decode()[-2000:]}")
        (first, before), (last, after) = next(count for count in counts if count[0] >= WARM_UP), counts[-1]
        return Answer(
            statistics.median(self.exposed()[WARM_UP:]),
            max((late - early) / max(1, last - first) for early, late in zip(before, after)))

    def exposed(self) -> list[float]:
        try:
            lines = (self.root / "run/metrics.jsonl").read_text().split("\n")[:-1]
        except OSError:
            return []
        events = [json.loads(line) for line in lines]
        return [event["exposed_communication"] for event in events if event["event"] == "step"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="launch/network.sh", description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--ranks", type=int, default=2, help="of each host (2)")
    parser.add_argument("--gigabits", type=float, nargs="+", default=[0.1, 1, 10], help="a second, of each link")
    parser.add_argument("--delay", type=int, default=0, help="microseconds from host to host, beside their own (0)")
    parser.add_argument("--steps", type=int, default=8, help="that are measured (8)")
    parser.add_argument("--sum", choices=["tree", "mpi"], default="tree", help="training.gradientSum")
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    if reason := problem():
        sys.exit(f"network.sh: {reason}")
    measurement = Measurement(options.binary, options.steps)
    print("| hosts × ranks | Gb/s | waited | links, by the model | ratio | cores | waited ÷ (links + cores) | sent by a host "
          "| ÷ plan | links, each to every |")
    print("|---" * 10 + "|")
    try:
        for count in options.hosts:
            # What is waited without shaped links and delay is for the cores, which all hosts share.
            for gigabits in [0.0, *options.gigabits]:
                with measurement.hosts(count, options.ranks, options.delay if gigabits else 0) as hosts:
                    if gigabits:
                        hosts.shape(1e9 * gigabits)
                    answer = measurement.run(hosts, f"training.gradientSum={options.sum}")
                if not gigabits:
                    cores = answer.exposed
                    continue
                # A long message is announced, asked for and sent.
                links = Links(1.25e8 * gigabits / HEADERS, 3e-6 * options.delay, options.ranks)
                ranks = count * options.ranks
                size, plan = measurement.size, halving(ranks)
                model = links.seconds(plan, size, CHUNKS)
                sent = max(links.sent(plan, size, host) for host in range(count))
                old = links.seconds(each_to_every(ranks), size, CHUNKS)
                print(f"| {count} × {options.ranks} | {gigabits:g} | {1e3 * answer.exposed:.0f} ms | {1e3 * model:.0f} ms "
                      f"| {answer.exposed / model:.2f} | {1e3 * cores:.0f} ms | {answer.exposed / (model + cores):.2f} "
                      f"| {answer.sent / 1e6:.1f} MB | {answer.sent / sent:.3f} | {1e3 * old:.0f} ms |", flush=True)
    finally:
        shutil.rmtree(measurement.root)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
