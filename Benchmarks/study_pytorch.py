"""The study's recipes written in PyTorch and transformers, to see that they give students as good as ours.

  python3 Benchmarks/study_pytorch.py --folder runs/study --setting sst2-1000 --seeds 3 --arms labels,few-labels

Works on what launch/study.sh left in --folder: a seed's rows, its fine-tuned teacher, and which learning rate and number
of epochs it chose. Batch size, schedule, optimizer, dropout, losses, the number of steps and the way in which the
checkpoint is selected are those of the configuration; the order of rows, dropout and the new head's weights are
PyTorch's own. Results go beside the study's as arms of their own, which its table shows. Needs torch and transformers.
"""

import argparse
import json
import math
import pathlib
import time

import torch
import transformers
from sklearn import metrics

import study_arms

BATCH, WARM_UP, MAX_LENGTH = 32, 0.1, 128
LAYERS = (2, 4, 6)  # of the teacher, counted from 1


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def student_of(folder):
    """The teacher's embeddings, pooler and head with three of its layers, as student.fromTeacher takes them."""
    student = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    layers = student.base_model.encoder.layer
    student.base_model.encoder.layer = torch.nn.ModuleList(layers[number - 1] for number in LAYERS)
    student.config.num_hidden_layers = len(LAYERS)
    return student


def optimizer_of(model, rate, steps):
    undecayed = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    known = {id(p) for p in undecayed}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in known], "weight_decay": 5e-5},
        {"params": undecayed, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, eps=1e-8)
    warm_up = math.ceil(steps * WARM_UP)
    return optimizer, transformers.get_linear_schedule_with_warmup(optimizer, warm_up, steps)


def encoded(tokenizer, rows):
    pair = {"text_pair": [row["text_pair"] for row in rows]} if "text_pair" in rows[0] else {}
    return tokenizer(
        [row["text"] for row in rows], **pair, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
    )


@torch.inference_mode()
def scores(model, tokenizer, rows):
    model.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["text"]))
    predicted = [0] * len(rows)
    for start in range(0, len(rows), 128):
        part = order[start : start + 128]
        logits = model(**encoded(tokenizer, [rows[i] for i in part])).logits
        for i, label in zip(part, logits.argmax(-1).tolist()):
            predicted[i] = label
    labels = [row["label"] for row in rows]
    return {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "macro_f1": metrics.f1_score(labels, predicted, average="macro"),
        "macro_recall": metrics.recall_score(labels, predicted, average="macro"),
    }


def train(student, teacher, tokenizer, rows, validation, rate, epochs, metric):
    """Labels' cross-entropy and, with a teacher, the squared error of the logits; keeps the best epoch's weights."""
    steps = epochs * -(-len(rows) // BATCH)
    optimizer, schedule = optimizer_of(student, rate, steps)
    best, kept = -1.0, None
    for _ in range(epochs):
        student.train()
        order = torch.randperm(len(rows)).tolist()
        for start in range(0, len(rows), BATCH):
            batch = [rows[i] for i in order[start : start + BATCH]]
            inputs = encoded(tokenizer, batch)
            logits = student(**inputs).logits
            labels = torch.tensor([row.get("label", -100) for row in batch])
            loss = torch.zeros(())
            if (labels >= 0).any():
                loss = loss + torch.nn.functional.cross_entropy(logits, labels)
            if teacher is not None:
                with torch.inference_mode():
                    answers = teacher(**inputs).logits
                loss = loss + torch.nn.functional.mse_loss(logits, answers.clone())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        reached = scores(student, tokenizer, validation)[metric]
        if reached > best:
            best, kept = reached, {name: value.clone() for name, value in student.state_dict().items()}
    student.load_state_dict(kept)
    return best


def run(arguments, setting, arm, seed):
    results = arguments.folder / "results" / setting.name
    result = results / f"{arm}-pytorch" / f"{seed}.json"
    if result.exists():
        return
    torch.manual_seed(seed)
    place = arguments.folder / "work" / setting.name / str(seed)
    ours = json.loads((results / arm / f"{seed}.json").read_text())
    tokenizer = transformers.AutoTokenizer.from_pretrained(place / "teacher" / "best")
    rows, validation = read(place / "data" / "train.jsonl"), read(place / "data" / "validation.jsonl")
    teacher = None
    rate, epochs = 1e-4, 3
    if arm == "few-labels":
        rows += read(place / "data" / "unlabelled.jsonl")
        teacher = transformers.AutoModelForSequenceClassification.from_pretrained(place / "teacher" / "best").eval()
    else:
        rate = ours["chosen"]["training.learningRate"]
        epochs = ours["chosen"]["stages.labels.epochs"]
    print(f"{setting.name}, seed {seed}: {arm} in PyTorch", flush=True)
    student, before = student_of(place / "teacher" / "best"), time.process_time()
    reached = train(student, teacher, tokenizer, rows, validation, rate, epochs, setting.metric)
    record = {
        "setting": setting.name,
        "arm": f"{arm}-pytorch",
        "seed": seed,
        "chosen": {"learningRate": rate, "epochs": epochs},
        "validation": reached,
        "test": scores(student, tokenizer, read(place / "data" / "test.jsonl")),
        "parameters": sum(p.numel() for p in student.parameters()),
        "cpu_seconds": round(time.process_time() - before, 1),
        "cpu_seconds_of_all_tried": round(time.process_time() - before, 1),
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("runs/study"))
    parser.add_argument("--setting", required=True, choices=list(study_arms.SETTINGS | study_arms.SHORT))
    parser.add_argument("--arms", default="labels,few-labels")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    setting = (study_arms.SETTINGS | study_arms.SHORT)[arguments.setting]
    for seed in range(1, arguments.seeds + 1):
        for arm in arguments.arms.split(","):
            run(arguments, setting, arm, seed)


if __name__ == "__main__":
    main()
