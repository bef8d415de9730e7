"""Families of encoders at the same shape, in tokens a second of one thread: RoBERTa, DistilBERT, MPNet and ELECTRA against
BERT, and BERT, DeBERTa-v3 and ModernBERT against PyTorch.

    python3 Benchmarks/families.py .build/release/distill-ddp --texts train_text.txt --tokenizer MODEL [--rounds 5] [--core 1]

Times are processor time in user mode, which other programs lengthen little; this program and what it starts stay on
one core, with a higher priority where that is allowed. In each round a family and BERT run one after the other, by turns
first, and so do the program and PyTorch; tables give the median of the rounds' ratios. Dropout is as each family's
configuration has it by default: ModernBERT has none. What a run takes before its first batch is measured with one batch and subtracted.
Ours is started anew for each; PyTorch runs a batch first, and pads to the longest of each batch.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

LABELS = ["negative", "neutral", "positive"]
BATCH, LONGEST = 32, 128
SIZES = dict(hidden_size=384, num_hidden_layers=4, num_attention_heads=6, intermediate_size=1536)
FAMILIES: dict[str, dict] = {
    "bert": SIZES,
    "roberta": SIZES | dict(type_vocab_size=1, max_position_embeddings=514),
    "distilbert": dict(dim=384, n_layers=4, n_heads=6, hidden_dim=1536),
    "mpnet": SIZES | dict(max_position_embeddings=514),
    "electra": SIZES | dict(embedding_size=384),
    "deberta-v2": SIZES | dict(
        relative_attention=True, pos_att_type=["p2c", "c2p"], share_att_key=True, position_buckets=256,
        norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0, max_position_embeddings=512),
    # Its feed-forward has three maps where others have two, and three layers in four see a window.
    "modernbert": SIZES | dict(intermediate_size=576, hidden_activation="gelu", global_attn_every_n_layers=3),
}
# Of PyTorch's: SDPA where there is one.
AGAINST_PYTORCH = {"bert": "sdpa", "deberta-v2": "eager", "modernbert": "sdpa"}


def write_models(root: Path, tokenizer: str, vocabulary: int) -> None:
    """Random models with the same tokenizer, so that all read the same tokens."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    for family, settings in FAMILIES.items():
        torch.manual_seed(1)
        config = AutoConfig.for_model(
            family, vocab_size=vocabulary, pad_token_id=0, id2label=dict(enumerate(LABELS)),
            label2id={label: i for i, label in enumerate(LABELS)}, **settings)
        directory = root / family
        AutoModelForSequenceClassification.from_config(config).save_pretrained(directory)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
            if (Path(tokenizer) / name).exists():
                (directory / name).write_bytes((Path(tokenizer) / name).read_bytes())


class Ours:
    """The program on one thread; `batches` of texts, one a step."""

    def __init__(self, binary: str, root: Path, batches: list[list[str]]):
        self.binary, self.root = Path(binary).resolve(), root
        for name, part in (("first", batches[:1]), ("all", batches)):
            texts = [text for batch in part for text in batch]
            (root / f"{name}.txt").write_text("".join(f"{text}\n" for text in texts))
            (root / f"{name}.labels").write_text("".join(f"{i % 3}\n" for i in range(len(texts))))

    def seconds(self, family: str, mode: str) -> float:
        return self._run(family, mode, "all") - self._run(family, mode, "first")

    def _run(self, family: str, mode: str, part: str) -> float:
        data = [f"{self.root}/{part}.txt", f"{self.root}/{part}.labels"]
        if mode == "forward":
            words = ["evaluate", "--json", "--model", f"{self.root}/{family}", "--max-length", str(LONGEST), "--data", *data]
        else:
            configuration = {
                "run": {"directory": f"{self.root}/run", "overwrite": True}, "task": {"labels": LABELS},
                "data": {"train": {"text": data[0], "labels": data[1]}, "maxLength": LONGEST},
                "student": {"model": f"{self.root}/{family}"},
                "training": {"batchSize": BATCH, "epochs": 1, "shuffle": False},
                "stages": [{"name": "measured", "checkpoint": {"monitor": None}}]}
            (self.root / "run.json").write_text(json.dumps(configuration))
            words = ["train", "--quiet", "--config", f"{self.root}/run.json"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run(
            [self.binary, *words, "--threads", "1"], capture_output=True, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        if result.returncode:
            sys.exit(f"{' '.join(words)}: {result.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime


def user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


class PyTorch:
    """transformers' class of a family in its best form: dynamic padding, SDPA where there is one, fused AdamW."""

    def __init__(self, root: Path, batches: list[list[list[int]]]):
        import torch

        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.torch, self.root, self.models = torch, root, {}
        self.batches = []
        for batch in batches:
            ids = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, tokens in enumerate(batch):
                ids[row, : len(tokens)], mask[row, : len(tokens)] = torch.tensor(tokens), 1
            labels = torch.arange(len(batch)) % 3
            self.batches.append(dict(input_ids=ids, attention_mask=mask, labels=labels))

    def seconds(self, family: str, mode: str) -> float:
        from transformers import AutoModelForSequenceClassification

        torch = self.torch
        if family not in self.models:
            model = AutoModelForSequenceClassification.from_pretrained(
                self.root / family, attn_implementation=AGAINST_PYTORCH[family])
            self.models[family] = (model, torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True))
        model, optimizer = self.models[family]
        model.train(mode == "training")
        started = 0.0
        for index, batch in enumerate(self.batches):
            if index == 1:
                started = user_seconds()
            if mode == "forward":
                with torch.inference_mode():
                    model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
            else:
                optimizer.zero_grad(set_to_none=True)
                model(**batch).loss.backward()
                optimizer.step()
        return user_seconds() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--texts", required=True, help="a file of texts, one a line")
    parser.add_argument("--tokenizer", required=True, help="a model whose tokenizer all read with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=8, help=f"measured batches of {BATCH} texts")
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--only", choices=["bert", "pytorch"], help="one of the two comparisons")
    parser.add_argument("--mode", choices=["forward", "training"], help="one of the two")
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    try:
        os.nice(-10)
    except PermissionError:
        print("without a higher priority", file=sys.stderr)
    import transformers
    from tokenizers import Tokenizer

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    tokenizer = Tokenizer.from_file(f"{options.tokenizer}/tokenizer.json")
    tokenizer.enable_truncation(LONGEST)
    tokenizer.no_padding()
    lines = [line.replace("\t", " ") for line in Path(options.texts).read_text().split("\n") if line.strip()]
    chosen = random.Random(1).sample(lines, BATCH * (options.batches + 1))
    batches = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
    ids = [[encoding.ids for encoding in tokenizer.encode_batch(batch)] for batch in batches]
    tokens = sum(len(row) for batch in ids[1:] for row in batch)
    print(f"{options.rounds} rounds of {options.batches} batches of {BATCH} texts, {tokens} tokens; 4 layers of 384, one thread")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        write_models(root, options.tokenizer, tokenizer.get_vocab_size())
        ours, pytorch = Ours(options.binary, root, batches), PyTorch(root, ids)
        families = list(FAMILIES) if options.only is None else (
            list(AGAINST_PYTORCH) if options.only == "pytorch" else ["bert", "roberta", "distilbert", "mpnet", "electra"])
        for mode in [options.mode] if options.mode else ["forward", "training"]:
            print(f"\n{mode:10} {'tokens/s':>9} {'of BERT':>8} {'range':>13} {'PyTorch':>9} {'ahead':>6} {'range':>11}")
            for family in families:
                rates, ratios, theirs, ahead = [], [], [], []
                for turn in range(options.rounds):
                    pair = {}
                    for name in [family, "bert"] if turn % 2 == 0 else ["bert", family]:
                        pair[name] = tokens / ours.seconds(name, mode)
                    rates.append(pair[family])
                    ratios.append(pair[family] / pair["bert"])
                    if family in AGAINST_PYTORCH and options.only != "bert":
                        theirs.append(tokens / pytorch.seconds(family, mode))
                        ahead.append(pair[family] / theirs[-1])
                line = f"{family:10} {statistics.median(rates):9.0f} "
                if family != "bert":
                    line += f"{statistics.median(ratios):8.3f} {min(ratios):6.3f}–{max(ratios):.3f}"
                if theirs:
                    line = f"{line:42} {statistics.median(theirs):9.0f} {statistics.median(ahead):6.2f} "
                    line += f"{min(ahead):6.2f}–{max(ahead):.2f}"
                print(line, flush=True)


if __name__ == "__main__":
    main()
