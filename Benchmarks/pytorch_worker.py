"""PyTorch's side: one process of one or several (DDP over gloo), told by JSON lines on standard input what to time.

The algorithm is the usual one in its best form: a frozen teacher in evaluation mode under inference mode, SDPA in
every layer whose attention no loss reads and plain attention where one does, losses over real tokens only, fused
AdamW, denormals flushed; with --autocast forward passes are in bfloat16. Batches are padded to their own longest sentence.
"""

import argparse
import json
import os
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--workload", required=True)
parser.add_argument("--cache", required=True)
parser.add_argument("--batches", required=True, help="JSON: a list of batches by name of the rung")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--rank", type=int, default=0)
parser.add_argument("--ranks", type=int, default=1)
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--no-dropout", action="store_true")
parser.add_argument("--autocast", action="store_true", help="matrix products in bfloat16")
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(arguments.threads)

import torch
import torch.distributed
import torch.nn.functional as F

# Before any thread is made: threads inherit it.
torch.set_flush_denormal(True)
torch.set_num_threads(arguments.threads)

import transformers
from transformers import AttentionInterface, BertForSequenceClassification
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from reference_losses import LossCounts, losses
from reference_projection import projection_weight
from workloads import EPS, LEARNING_RATE, SEED, WEIGHT_DECAY, WORKLOADS

transformers.logging.set_verbosity_error()


def tapped_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **kwargs):
    """Keeps a layer's scores or values where a loss reads them."""
    if module.taps_values:
        module.tapped_values = value
    if not module.taps_scores:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    module.tapped_scores = scores
    if attention_mask is not None:
        scores = scores + attention_mask
    probabilities = F.dropout(F.softmax(scores, dim=-1), p=dropout, training=module.training)
    return torch.matmul(probabilities, value).transpose(1, 2).contiguous(), None


AttentionInterface.register("tapped", tapped_attention)
AttentionMaskInterface.register("tapped", eager_mask)


class Model(torch.nn.Module):
    """A classifier that also returns what the losses read: by layer from 1, of some layers only."""

    def __init__(self, directory: str, workload, layers: list[int], logits: bool, projection: int | None = None):
        super().__init__()
        self.model = BertForSequenceClassification.from_pretrained(directory, attn_implementation="tapped")
        self.layers = layers
        self.logits = logits
        self.hidden = workload.taps_hidden
        if not logits:
            self.model.bert.pooler = None
            self.model.classifier = None
        for index, layer in enumerate(self.model.bert.encoder.layer):
            attention = layer.attention.self
            attention.taps_scores = workload.taps_scores and index + 1 in layers
            attention.taps_values = workload.taps_values and index + 1 in layers
        self.projection = None
        if projection:
            self.projection = torch.nn.Linear(self.model.config.hidden_size, projection, bias=False)
            with torch.no_grad():
                self.projection.weight.copy_(projection_weight(self.projection.weight.shape, "HidnTinyBERT", SEED))

    def forward(self, batch):
        taps = {}
        inputs = {"input_ids": batch["ids"], "attention_mask": batch["mask"]}
        if self.logits:
            output = self.model(**inputs, output_hidden_states=self.hidden)
            taps["logits"] = output.logits
        else:
            output = self.model.bert(**inputs, output_hidden_states=self.hidden)
        attentions = [self.model.bert.encoder.layer[layer - 1].attention.self for layer in self.layers]
        if self.hidden:
            taps["hidden"] = [output.hidden_states[layer] for layer in self.layers]
            if self.projection is not None:
                taps["hidden"] = [self.projection(hidden) for hidden in taps["hidden"]]
        if attentions and attentions[0].taps_scores:
            taps["scores"] = [attention.tapped_scores for attention in attentions]
        if attentions and attentions[0].taps_values:
            taps["values"] = [attention.tapped_values for attention in attentions]
        return taps


def tensors(batch: dict, counts: LossCounts) -> dict:
    width = max(len(row) for row in batch["tokens"])
    ids = torch.zeros(len(batch["tokens"]), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(batch["tokens"]):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return {"ids": ids, "mask": mask, "labels": torch.tensor(batch["labels"]), "counts": counts}


def in_full(taps):
    """In 32 bits; nothing changes where it is so already."""
    if taps is None or torch.is_tensor(taps):
        return taps if taps is None else taps.float()
    if isinstance(taps, dict):
        return {name: in_full(value) for name, value in taps.items()}
    return [in_full(value) for value in taps]


def share(batch: dict, rank: int, ranks: int) -> dict:
    return {key: values[rank::ranks] for key, values in batch.items()}


class Run:
    def __init__(self):
        workload = self.workload = WORKLOADS[arguments.workload]
        projects = workload.taps_hidden and workload.student_shape.hidden != workload.teacher_shape.hidden
        self.student = Model(
            f"{arguments.cache}/{workload.student}", workload, [s for s, _ in workload.pairs],
            workload.student_logits, workload.teacher_shape.hidden if projects else None)
        self.teacher = None
        if workload.teacher:
            self.teacher = Model(
                f"{arguments.cache}/{workload.teacher}", workload, [t for _, t in workload.pairs],
                workload.teacher_logits).eval().requires_grad_(False)
        if arguments.no_dropout:
            for module in self.student.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
        self.wrapped = self.student
        if workload.predicts:
            self.student.eval()
            return
        self.student.train()
        if arguments.ranks > 1:
            self.wrapped = torch.nn.parallel.DistributedDataParallel(self.student, gradient_as_bucket_view=True)
        decayed, others = [], []
        for name, parameter in self.student.named_parameters():
            (others if name.endswith("bias") or "LayerNorm" in name else decayed).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}],
            lr=LEARNING_RATE, eps=EPS, fused=True)

    @staticmethod
    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.autocast)

    def predict(self, batch) -> float:
        with torch.inference_mode(), self.autocast():
            return float(self.student(batch)["logits"].sum())

    def step(self, batch) -> float:
        taught = None
        if self.teacher:
            with torch.inference_mode(), self.autocast():
                taught = self.teacher(batch)
        with self.autocast():
            student = self.wrapped(batch)
        # Losses are sums in 32 bits, of what either model gave.
        loss = losses(self.workload, in_full(student), in_full(taught), batch)
        # DDP takes the mean over ranks of what is here a sum divided by the global batch's counts.
        (loss * arguments.ranks).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def main() -> None:
    if arguments.ranks > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"tcp://127.0.0.1:{arguments.port}", rank=arguments.rank, world_size=arguments.ranks)
    with open(arguments.batches) as file:
        batches = {
            rung: [
                tensors(share(batch, arguments.rank, arguments.ranks), LossCounts.of(batch["tokens"]))
                for batch in list_of_batches
            ]
            for rung, list_of_batches in json.load(file).items()
        }
    run = Run()
    act = run.predict if run.workload.predicts else run.step
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        rung = json.loads(line)["rung"]
        for batch in batches["warmup"]:
            act(batch)
        if arguments.ranks > 1:
            torch.distributed.barrier()
        values, seconds = [], []
        for batch in batches[rung]:
            start = time.perf_counter()
            values.append(act(batch))
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "losses": values}), flush=True)
    if arguments.ranks > 1:
        torch.distributed.destroy_process_group()


main()
