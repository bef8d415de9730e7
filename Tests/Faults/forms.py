"""What runs remember besides weights and moments: schedules, unfrozen layers, rows of several kinds, teachers, tasks."""

import json
import signal

from workspace import VOCABULARY, send

LOGITS = "{LogitCE: {temperature: 2}}"


def forms(root):
    """Overrides of the workspace's configuration, by what they try. Of two stages, 30 steps each."""
    both = "stages.intermediate.adaptors={0}", "stages.intermediate.update=all", "stages.prediction.adaptors={0}"

    def stages(adaptors):
        return [override.format(adaptors) for override in both]

    def task(settings, *more):
        return [f"task={settings}", "student.head=new", *stages("[AttnMiniLM]"), *more]

    words = [f"data.{name}={{conll: {root}/{name}.conll}}" for name in ("train", "validation")]
    return {
        "schedules": [
            "stages.prediction.labelWeight={from: 0, to: 1, over: 0.7}",
            "stages.prediction.adaptors=[{LogitCE: {temperature: {from: 8, to: 1, over: 0.8},"
            " weight: {from: 1, to: 0.2, kind: cosine}}}]",
        ],
        "unfreezing": ["stages.prediction.update={unfreeze: top-down, every: 7}"],
        "unlabelled text": [f"data.unlabelled=[{{text: {root}/more.txt}}]", "data.mix={labelled: 0.4}"],
        "several teachers": [
            "teacher=null", f"teachers=[{{model: {root}/teacher}}, {{model: {root}/narrow, weight: 2}}]",
            *stages(f"[{LOGITS}]"),
        ],
        "early stopping": ["training.validateEverySteps=5", "training.earlyStopping={patience: 2}"],
        "regression": task("{kind: regression}"),
        "several labels": task("{kind: multilabel, labels: [plain, odd]}"),
        "tags": task("{kind: tokens, labels: [O, B-WORD, I-WORD]}", *words),
        # Margins are of the texts of a query, which a batch keeps together; a file answers as the teacher.
        "ranking": [
            "task={kind: pairs}", "student.head=new", *pairs(root, "textColumn: a, pairColumn: b, labelColumn: fits"),
            f"teacher={{model: {root}/teacher, predictions: [{root}/train.scores, {root}/validation.scores]}}",
            "stages.intermediate={name: intermediate, adaptors: [MarginMSE], labelWeight: 0}",
            "stages.prediction={name: prediction, adaptors: [MarginMSE, LogitMSE]}",
        ],
        "vectors": [
            "task={kind: embedding, largestScore: 1}", *pairs(root, "textColumn: a, pairColumn: b, labelColumn: fits"),
            "stages.intermediate={name: intermediate, adaptors: [EmbeddingMSE, SimilarityMSE], labelWeight: 0}",
            "stages.prediction={name: prediction, adaptors: [SimilarityMSE], labelWeight: 1}",
        ],
        "no task": [
            "task={kind: none}", f"data.train={{text: {root}/train_text.txt}}", f"data.validation={{text: {root}/val_text.txt}}",
            "stages.intermediate={name: intermediate, adaptors: [HidnTinyBERT]}",
            "stages.prediction={name: prediction, adaptors: [{RelationMiniLM: {heads: 9}}]}",
        ],
        "tokens of a host": [f"data.cache={root}/tokens"],
        "test data": [f"data.test={{text: {root}/val_text.txt, labels: {root}/val_labels.txt}}"],
    }


def pairs(root, columns):
    return [f"data.{name}={{jsonl: {root}/{name}.jsonl, {columns}}}" for name in ("train", "validation")]


def resumed(lab):
    """A kill in the first stage and a stop in the second, each resumed on other ranks; the run ends as if there were none."""
    workspace = lab.workspace
    write_data(workspace.root)
    for name, overrides in forms(workspace.root).items():
        overrides = ("training.maxSteps=30", "training.validateEverySteps=12", *overrides)
        try:
            workspace.expected(*overrides)
        except RuntimeError as error:
            lab.note(name, str(error))
            continue
        problem = None
        for steps, ranks, sent in [(14, 1, signal.SIGKILL), (41, 2, signal.SIGUSR1)]:
            job = workspace.start(ranks, workspace.arguments(*overrides))
            workspace.wait_for(lambda: workspace.steps() >= steps, job)
            for rank in job.ranks()[:1]:
                send(rank, sent)
            job.wait()
            if job.status not in (0, 75, -signal.SIGKILL):
                problem = problem or f"{job}"
        lab.note(name, problem or workspace.resumes(*overrides, ranks=1))
    workspace.forget()


def write_data(root):
    lines = (root / "train_text.txt").read_text().split("\n")
    (root / "more.txt").write_text("\n".join(" ".join(reversed(line.split())) for line in lines[:500] if line) + "\n")
    odd = set(VOCABULARY[5:13])
    for name, texts in [("train", lines[:400]), ("validation", (root / "val_text.txt").read_text().split("\n"))]:
        rows = [[f"{word} {'B-WORD' if word in odd else 'O'}\n" for word in text.split()] for text in texts if text]
        (root / f"{name}.conll").write_text("\n".join("".join(row) for row in rows))
        texts = [text for text in texts if text]
        # Queries of four texts each.
        rows = [{"a": texts[place // 4], "b": text, "fits": place % 3 // 2} for place, text in enumerate(texts)]
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (root / f"{name}.scores").write_text("".join(json.dumps({"logits": [len(row["b"]) / 20]}) + "\n" for row in rows))
