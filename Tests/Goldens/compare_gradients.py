"""Compares the gradient of every parameter, for each family of encoders and each adaptor, with PyTorch in float64.

    python3 Tests/Goldens/compare_gradients.py .build/release/distill-ddp
    python3 Tests/Goldens/compare_gradients.py .build/release/distill-ddp --only modernbert

The program takes one step of plain SGD over a batch, from the command line: original − saved is the rate times the
gradient. Models are transformers' own classes with random weights. Their hidden states and projections come from them in
double precision; DeBERTa's and ModernBERT's from position_reference.py, which is checked against transformers.

- each family as the student of a BERT that has its tokenizer: the labels and every adaptor. ModernBERT's layers all see
  the whole sentence there, as BERT's do: attention of layers that do not see the same is refused. With layers that see
  their neighbours alone, it is the student of another ModernBERT;
- models with other tokens, a WordPiece and a byte-level BPE either way, with `align: words`: every adaptor of tokens,
  texts alone and in pairs, cut and not. Words are found here by joining tokens that share a character.

A parameter's error may be 1e-4 of its gradient's norm, plus what rounding the saved float32 weights accounts for. Where the
gradient is less than 1e-4 of the whole (that of `key.bias` is 0), the error may be 1e-5 of the whole. Exit status 1 where a
parameter fails.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from encoder_reference import Taps
from loss_reference import Adaptor, adaptor_count, logit_sums, sentence_sum
from make_family_goldens import randomise
from position_reference import DebertaV2, ModernBert

ROOT = Path(__file__).resolve().parents[2]
LABELS = ["negative", "neutral", "positive"]
WORD_PIECES, BYTE_PAIRS, LONGEST = 400, 330, 40
# Padding is 1, as MPNet has it whatever its configuration says.
SPECIALS = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=29)
V3 = dict(relative_attention=True, pos_att_type="p2c|c2p", position_biased_input=False, norm_rel_ebd="layer_norm",
          share_att_key=True, position_buckets=8)
NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def configurations(vocabulary: int) -> dict[str, Any]:
    def made(kind: Any, **settings: Any) -> Any:
        return kind(vocab_size=vocabulary, id2label=dict(enumerate(LABELS)),
                    label2id={label: index for index, label in enumerate(LABELS)}, pad_token_id=1, **settings)

    far = dict(max_position_embeddings=LONGEST)
    modern = dict(local_attention=6, bos_token_id=None, eos_token_id=None, cls_token_id=None, sep_token_id=None)
    return {
        "bert": made(transformers.BertConfig, **SIZES, **NO_DROPOUT, **far),
        "roberta": made(transformers.RobertaConfig, **SIZES, **NO_DROPOUT, type_vocab_size=1,
                        max_position_embeddings=LONGEST + 2),
        "distilbert": made(transformers.DistilBertConfig, dim=24, n_layers=2, n_heads=3, hidden_dim=29, dropout=0.0,
                           attention_dropout=0.0, seq_classif_dropout=0.0, **far),
        "electra": made(transformers.ElectraConfig, **SIZES, **NO_DROPOUT, embedding_size=10, **far),
        "mpnet": made(transformers.MPNetConfig, **SIZES, **NO_DROPOUT, max_position_embeddings=LONGEST + 2),
        "deberta-v2": made(transformers.DebertaV2Config, **SIZES, **NO_DROPOUT, **V3, **far, type_vocab_size=0,
                           pooler_dropout=0.0, pooler_hidden_size=24),
        "modernbert": made(transformers.ModernBertConfig, **SIZES, **far, **modern, global_attn_every_n_layers=1),
        "modernbert, windows": made(transformers.ModernBertConfig, **SIZES, **far, **modern, global_attn_every_n_layers=2),
    }


class Model:
    """A saved model in double precision, with what adaptors read of it."""

    def __init__(self, directory: Path):
        self.config = AutoConfig.from_pretrained(directory)
        self.layers, self.heads = self.config.num_hidden_layers, self.config.num_attention_heads
        self.width, kind = self.config.hidden_size, self.config.model_type
        self.directory = directory
        self.own = {"deberta-v2": DebertaV2, "modernbert": ModernBert}.get(kind)
        if self.own:
            stored = {key: value.double() for key, value in load_file(directory / "model.safetensors").items()}
            self.own = self.own(self.config.to_dict(), stored)
            self.weights = self.own.weights
        else:
            self.model = AutoModelForSequenceClassification.from_pretrained(
                directory, attn_implementation="eager").double().eval()
            self.weights = dict(self.model.named_parameters())
            self.kept: dict[str, Tensor] = {}
            for number, modules in enumerate(self.projections(kind)):
                for name, module in zip(("queries", "keys", "values"), modules):
                    module.register_forward_hook(
                        lambda _module, _input, output, key=(name, number): self.kept.__setitem__(key, output[0]))
        for weight in self.weights.values():
            weight.requires_grad_(True)

    def projections(self, kind: str) -> list[tuple]:
        if kind == "distilbert":
            blocks = [layer.attention for layer in self.model.distilbert.transformer.layer]
            return [(block.q_lin, block.k_lin, block.v_lin) for block in blocks]
        if kind == "mpnet":
            blocks = [layer.attention.attn for layer in self.model.mpnet.encoder.layer]
            return [(block.q, block.k, block.v) for block in blocks]
        blocks = [layer.attention.self for layer in self.model.base_model.encoder.layer]
        return [(block.query, block.key, block.value) for block in blocks]

    def forward(self, row: dict[str, list[int]]) -> Taps:
        ids, types = torch.tensor(row["input_ids"]), torch.tensor(row["token_type_ids"])
        if self.own:
            taps = self.own.forward(ids, types)
            for part in (taps.queries, taps.keys, taps.values):
                part[:] = [x if x.dim() == 3 else self.own.split(x) for x in part]
            return taps
        inputs = {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
        if self.config.model_type in ("bert", "electra"):
            inputs["token_type_ids"] = types[None]
        output = self.model(**inputs, output_hidden_states=True, output_attentions=True)

        def split(name: str) -> list[Tensor]:
            rows = [self.kept[name, layer] for layer in range(self.layers)]
            return [x.reshape(len(x), self.heads, -1).transpose(0, 1) for x in rows]

        queries, keys, values = split("queries"), split("keys"), split("values")
        scores = [q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) for q, k in zip(queries, keys)]
        if self.config.model_type == "mpnet":
            bias = self.model.mpnet.encoder.compute_position_bias(output.hidden_states[0])[0]
            scores = [score + bias for score in scores]
        for score, attention in zip(scores, output.attentions):
            assert (torch.softmax(score, dim=-1) - attention[0]).abs().max() < 1e-12
        return Taps(output.logits[0], [h[0] for h in output.hidden_states], scores, queries, keys, values, output.logits[0])

    def tokenise(self, rows: list[tuple[str, ...]], longest: int) -> list[dict]:
        tokenizer = AutoTokenizer.from_pretrained(self.directory)
        encoded = tokenizer(
            *(list(column) for column in zip(*rows)), truncation=True, max_length=longest, return_token_type_ids=True,
            return_offsets_mapping=True)
        names = ("input_ids", "token_type_ids", "offset_mapping")
        return [{name: encoded[name][i] for name in names} | {"texts": encoded.sequence_ids(i)} for i in range(len(rows))]


def words_of(student: dict, teacher: dict) -> tuple[list[list[int]], list[list[int]]]:
    """The tokens of each word in either model: of tokens joined where they share a character."""
    groups: list[tuple[set, list[int], list[int]]] = []
    for side, row in ((1, student), (2, teacher)):
        for index, (text, (start, end)) in enumerate(zip(row["texts"], row["offset_mapping"])):
            characters = {(text, place) for place in range(start, end)} if text is not None else set()
            if not characters:
                continue
            merged = (characters, [index] if side == 1 else [], [index] if side == 2 else [])
            apart = []
            for group in groups:
                if group[0] & merged[0]:
                    merged = tuple(part | other if isinstance(part, set) else part + other for part, other in zip(merged, group))
                else:
                    apart.append(group)
            groups = [*apart, merged]
    groups.sort(key=lambda group: min(group[0]))
    words = [(sorted(own), sorted(other)) for _, own, other in groups if own and other]
    ends = (len(student["texts"]) - 1, len(teacher["texts"]) - 1)
    words = [([0], [0]), *words, ([ends[0]], [ends[1]])]
    return [own for own, _ in words], [other for _, other in words]


def pooled(taps: Taps, members: list[list[int]]) -> Taps:
    def rows(x: Tensor) -> Tensor:
        return torch.stack([x[..., m, :].mean(dim=-2) for m in members], dim=-2)

    def scores(x: Tensor) -> Tensor:
        columns = torch.stack([torch.logsumexp(x[:, :, m], dim=2) for m in members], dim=2)
        return torch.stack([columns[:, m].mean(dim=1) for m in members], dim=1)

    maps = [scores(x) for x in taps.scores]
    parts = ([rows(x) for x in part] for part in (taps.hidden, taps.queries, taps.keys, taps.values))
    hidden, queries, keys, values = parts
    return Taps(taps.logits, hidden, maps, queries, keys, values, taps.pooled)


def every_adaptor() -> list[Adaptor]:
    uniform = dict(layers="uniform")
    kinds = [Adaptor(kind, **uniform) for kind in (
        "HidnTinyBERT", "HidnCosine", "HidnPKD", "Gram", "NST", "ValMiniLM", "AttnMiniLM", "AttnTinyBERT", "AttnMeanMiniLM",
        "AttnSumTinyBERT")]
    return [*kinds, Adaptor("EmbdTinyBERT"), Adaptor("RelationMiniLM", heads=8, **uniform),
            Adaptor("AttnTinyBERT", on="scores", **uniform), Adaptor("AttnSumTinyBERT", on="scores", **uniform)]


def of_logits() -> list[Adaptor]:
    return [Adaptor("LogitCE"), Adaptor("LogitMSE"), Adaptor("LogitMSE", on="probabilities"), Adaptor("LogitMSE", on="argmax")]


class Workspace:
    def __init__(self, binary: Path, directory: Path):
        self.binary, self.directory = binary.resolve(), directory
        documents = sorted((ROOT / "docs").glob("*.md"))
        self.lines = [line for path in documents for line in path.read_text().split("\n") if line]
        self.trained = [self.train(byte_level).to_str() for byte_level in (False, True)]
        plain = [line for line in self.lines if line[0].isalpha()]
        self.rows = {
            "texts": [(line[:110],) for line in plain[:10]] + [("  two   spaces  héllo 😀👍🏽 naïve ﬁne",), ("日本語 and e\u0301",)],
            "pairs": [(a[:60], b[:70]) for a, b in zip(plain[20:26], plain[40:46])] + [
                ("one", "   second text"), ("a long first text " * 8, "     and    a second text " * 6)],
        }
        for name, rows in self.rows.items():
            entries = [{"text": row[0], "label": LABELS[i % 3]} | ({"pair": row[1]} if len(row) > 1 else {})
                       for i, row in enumerate(rows)]
            (directory / f"{name}.jsonl").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))

    def train(self, byte_level: bool) -> Tokenizer:
        if byte_level:
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            trainer = trainers.BpeTrainer(
                vocab_size=BYTE_PAIRS, special_tokens=SPECIALS, show_progress=False,
                initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
        else:
            tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
            trainer = trainers.WordPieceTrainer(vocab_size=WORD_PIECES, special_tokens=SPECIALS, show_progress=False)
        tokenizer.train_from_iterator(self.lines[:400], trainer)
        return tokenizer

    def write(self, name: str, config: Any, byte_level: bool, seed: int) -> Path:
        model = AutoModelForSequenceClassification.from_config(config)
        randomise(model, numpy.random.default_rng(seed))
        model.save_pretrained(self.directory / name)
        # Training breaks ties at random: a tokenizer is trained once.
        tokenizer = Tokenizer.from_str(self.trained[byte_level])
        # With spaces in its tokens' offsets where ModernBERT has it so, without where RoBERTa has it so.
        trims = byte_level and config.model_type != "modernbert"
        tokenizer.post_processor = (
            processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2), trim_offsets=True, add_prefix_space=False) if trims
            else processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)))
        names = dict(zip(("unk_token", "pad_token", "cls_token", "sep_token", "mask_token"), SPECIALS))
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(self.directory / name)
        return self.directory / name

    def step(self, student: Path, teacher: Path, entry: dict | None, data: str, longest: int, rate: float) -> dict[str, Tensor]:
        columns = "textColumn: text, labelColumn: label" + (", pairColumn: pair" if data == "pairs" else "")
        (self.directory / "step.yaml").write_text("\n".join([
            "run: {directory: step, overwrite: true, threads: 1}",
            f"task: {{labels: [{', '.join(LABELS)}]}}",
            f"data: {{train: {{jsonl: {data}.jsonl, {columns}}}, maxLength: {longest}}}",
            f"teacher: {{model: {teacher}}}" if entry else "",
            f"student: {{model: {student}, dropout: {{hidden: 0, attention: 0, classifier: 0}}}}",
            f"training: {{batchSize: 64, maxSteps: 1, learningRate: {rate:.9f}, optimizer: {{kind: sgd}}, "
            "schedule: {kind: constant, warmup: 0}, maxGradientNorm: null, shuffle: false}",
            f"stages: [{{name: step, labelWeight: {0 if entry else 1}, adaptors: {json.dumps([entry] if entry else [])}}}]",
        ]) + "\n")
        result = subprocess.run([self.binary, "--config", "step.yaml"], cwd=self.directory, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(result.stderr[-1500:])
        return {key: value.double() for key, value in load_file(self.directory / "step/last/model.safetensors").items()}

    def compare(
        self, name: str, student_path: Path, teacher_path: Path, adaptor: Adaptor | None, data: str = "texts",
        longest: int = LONGEST, words: bool = False
    ) -> tuple[float, list[str]]:
        """The worst relative error of a parameter, and which fail."""
        student, teacher = Model(student_path), Model(teacher_path)
        rows = self.rows[data]
        own, other = student.tokenise(rows, longest), teacher.tokenise(rows, longest)
        s, t = [student.forward(row) for row in own], [teacher.forward(row) for row in other]
        t = [detached(taps) for taps in t]
        lengths, labels = [len(row["input_ids"]) for row in own], [i % 3 for i in range(len(rows))]
        if words:
            members = [words_of(a, b) for a, b in zip(own, other)]
            s = [pooled(taps, m) for taps, (m, _) in zip(s, members)]
            t = [pooled(taps, m) for taps, (_, m) in zip(t, members)]
            lengths = [len(m) for m, _ in members]
        entry: dict | None = None
        if adaptor is None:
            loss = torch.nn.functional.cross_entropy(torch.stack([taps.logits for taps in s]), torch.tensor(labels))
        else:
            if adaptor.kind.startswith("Logit"):
                total = logit_sums(adaptor, s, t, labels)
            else:
                pairs = adaptor.pairs(student.layers, teacher.layers)
                total = sum(sentence_sum(adaptor, a, b, pairs, {}) for a, b in zip(s, t))
            loss = total / adaptor_count(adaptor, student, teacher, lengths, len(LABELS))
            entry = {adaptor.kind: configured(adaptor, words)}
        keys = list(student.weights)
        found = torch.autograd.grad(loss, [student.weights[key] for key in keys], allow_unused=True)
        gradient = {k: torch.zeros_like(student.weights[k]) if g is None else g for k, g in zip(keys, found)}
        whole = math.sqrt(sum(g.square().sum().item() for g in gradient.values()))
        weights = math.sqrt(sum(w.square().sum().item() for w in student.weights.values()))
        rate = min(1000.0, float(f"{0.3 * weights / whole:.3g}"))
        saved = self.step(student_path, teacher_path, entry, data, longest, rate)
        worst, failures = 0.0, []
        for key in keys:
            if key not in saved:
                if gradient[key].norm() > 0:
                    failures.append(f"{key} is not saved")
                continue
            step = (student.weights[key].detach() - saved[key]) / rate
            error, norm = (step - gradient[key]).norm().item(), gradient[key].norm().item()
            rounding = 2.0**-24 * torch.where(step != 0, saved[key].abs(), 0).norm().item() / rate
            negligible = norm < 1e-4 * whole
            if not negligible:
                worst = max(worst, (error - rounding) / norm)
            if error > (1e-5 * whole if negligible else 1e-4 * norm) + rounding or not math.isfinite(error):
                failures.append(f"{key} {error:.1e} of {norm:.1e}, rounding {rounding:.1e}, whole {whole:.1e}")
        return worst, failures


def detached(taps: Taps) -> Taps:
    parts = (taps.hidden, taps.scores, taps.queries, taps.keys, taps.values)
    hidden, scores, queries, keys, values = ([x.detach() for x in part] for part in parts)
    return Taps(taps.logits.detach(), hidden, scores, queries, keys, values, taps.pooled.detach())


def configured(adaptor: Adaptor, words: bool) -> dict:
    """An entry of a stage, with the options that its kind has."""
    options: dict = {"align": "words"} if words else {}
    if adaptor.kind.startswith("Logit"):
        options |= {"temperature": adaptor.temperature} if adaptor.on != "argmax" else {}
        return options | ({"on": adaptor.on} if adaptor.kind == "LogitMSE" else {})
    if adaptor.kind != "EmbdTinyBERT":
        options["layers"] = adaptor.layers
    if adaptor.kind in ("AttnTinyBERT", "AttnSumTinyBERT"):
        options["on"] = adaptor.on
    return options | ({"heads": adaptor.heads} if adaptor.kind == "RelationMiniLM" else {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--only", help="a case's name or a part of it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        workspace = Workspace(arguments.binary, Path(directory))
        pieces, bytes_ = configurations(WORD_PIECES), configurations(BYTE_PAIRS)
        bert = workspace.write("teacher", pieces["bert"], False, 99)
        cases = []
        for seed, (family, config) in enumerate(pieces.items()):
            student = workspace.write(family.replace(", ", "-"), config, False, seed)
            teacher = workspace.write("windows", config, False, 98) if family.endswith("windows") else bert
            for adaptor in [None, *of_logits(), *every_adaptor()]:
                cases.append((family, student, teacher, adaptor, "texts", LONGEST, False))
        for family in ("roberta", "modernbert"):
            other = workspace.write(f"{family}-bytes", bytes_[family], True, 50)
            for data, longest in (("texts", LONGEST), ("texts", 17), ("pairs", LONGEST), ("pairs", 24)):
                for title, a, b in ((f"bert from {family}", bert, other), (f"{family} from bert", other, bert)):
                    cases += [(f"{title}, words of {data} to {longest}", a, b, adaptor, data, longest, True)
                              for adaptor in every_adaptor()]
        print(" worst error  case")
        for family, student, teacher, adaptor, data, longest, words in cases:
            name = f"{family}: {f'{adaptor.kind} {adaptor.on}' if adaptor else 'labels'}"
            if arguments.only and arguments.only not in name:
                continue
            try:
                worst, failures = workspace.compare(name, student, teacher, adaptor, data, longest, words)
            except RuntimeError as error:
                worst, failures = math.nan, [str(error)]
            print(f"  {worst:10.1e}  {name}", flush=True)
            for failure in failures:
                print(f"              FAILS {failure}", flush=True)
            failed += bool(failures)
    print(f"{failed} cases fail" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
