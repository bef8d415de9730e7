"""The cells of the table that are of tasks: each trains a small model of its task and opens it where such models are used."""

import json
import pathlib
import random
import shutil

from cells import difference, need

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "Fixtures"
ROWS = 24


def words():
    return [word for word in (FIXTURES / "tokenizer/vocab.txt").read_text().split() if word.isalpha()]


def rows():
    """Texts of uneven lengths, two a row, and of each what tasks label them with."""
    source = random.Random(5)
    result = []
    for number in range(ROWS):
        first, second = ([source.choice(words()) for _ in range(source.randint(1, 9))] for _ in range(2))
        result.append({
            "text": " ".join(first), "other": " ".join(second), "score": len(first) / 9, "number": number / 5,
            "several": [name for name, has in (("even", number % 2 == 0), ("long", len(first) > 5)) if has],
            "words": first, "tags": ["B-X" if len(word) > 4 else "O" for word in first],
        })
    return result


TASKS = {
    "regression": ("{kind: regression}", "labelColumn: number"),
    "multilabel": ("{kind: multilabel, labels: [even, long]}", "labelColumn: several"),
    "tokens": ("{kind: tokens, labels: [O, B-X, I-X]}", "labelColumn: tags"),
    "pairs": ("{kind: pairs, loss: mse}", "pairColumn: other, labelColumn: score"),
    "embedding": ("{kind: embedding, normalize: true, largestScore: 1}", "pairColumn: other, labelColumn: score"),
    "dense": (
        "{kind: embedding, normalize: true, largestScore: 1, projection: {width: 5, activation: tanh}}",
        "pairColumn: other, labelColumn: score"),
    "none": ("{kind: none}", "labelColumn: null"),
}


def train(program, task):
    """A directory of the task's model."""
    root = program.workspace / "tasks"
    base = root / "base"
    if not base.exists():
        shutil.copytree(FIXTURES / "encoder/teacher", base)
        shutil.copytree(FIXTURES / "tokenizer", base, dirs_exist_ok=True)
        (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    settings, columns = TASKS[task]
    data = f"{{jsonl: rows.jsonl, {columns}}}"
    # Where nothing is learned from labels, from a teacher.
    lesson = "adaptors: [HidnTinyBERT], labelWeight: 0" if task == "none" else "labelWeight: 1"
    (root / f"{task}.yaml").write_text("\n".join([
        f"run: {{directory: run-{task}}}", f"task: {settings}", f"data: {{train: {data}, validation: {data}, maxLength: 16}}",
        "teacher: {model: base}" if task == "none" else "",
        "student: {model: base" + ("" if task in ("embedding", "dense", "none") else ", head: new") + "}",
        "training: {batchSize: 8, maxSteps: 3, learningRate: 5.0e-3}", f"stages: [{{name: one, {lesson}}}]"]))
    program.run("--config", f"{task}.yaml", "--threads", 1, "--quiet", cwd=root)
    return root / f"run-{task}/best"


def said(program, model, *options):
    lines = program.run(
        "predict", "--model", model, "--input", "rows.jsonl", "--threads", 1, "--max-length", 16, *options,
        cwd=model.parents[1])
    return [json.loads(line) for line in lines.splitlines()]


def encoded(model, tokenizer, row, pair=False):
    with need("torch").no_grad():
        texts = (row["text"], row["other"]) if pair else (row["text"],)
        return model(**tokenizer(*texts, truncation=True, max_length=16, return_tensors="pt"))


def opened(model, name):
    transformers = need("transformers")
    return (getattr(transformers, name).from_pretrained(str(model)).eval(),
            transformers.AutoTokenizer.from_pretrained(str(model)))


def regression(program):
    path = train(program, "regression")
    model, tokenizer = opened(path, "AutoModelForSequenceClassification")
    assert model.config.problem_type == "regression"
    found = [encoded(model, tokenizer, row).logits.tolist()[0] for row in rows()]
    own = said(program, path)
    score = need("transformers").pipeline("text-classification", model=str(path), function_to_apply="none")
    for row, line in zip(rows()[:8], own):
        assert abs(score(row["text"])[0]["score"] - line["score"]) < 1e-5
    return difference(found, [line["logits"] for line in own], least=1e-3) + "; pipeline equal"


def multilabel(program):
    path = train(program, "multilabel")
    model, tokenizer = opened(path, "AutoModelForSequenceClassification")
    assert model.config.problem_type == "multi_label_classification"
    own = said(program, path)
    classify = need("transformers").pipeline("text-classification", model=str(path), top_k=None)
    for row, line in zip(rows()[:8], own):
        answer = classify(row["text"])
        scores = {entry["label"]: entry["score"] for entry in (answer[0] if isinstance(answer[0], list) else answer)}
        for label, probability in zip(("even", "long"), line["probabilities"]):
            assert abs(scores[label] - probability) < 1e-5, (scores, line)
    found = [encoded(model, tokenizer, row).logits.tolist()[0] for row in rows()]
    return difference(found, [line["logits"] for line in own], least=1e-3) + "; pipeline equal"


def tokens(program):
    path = train(program, "tokens")
    own = said(program, path)
    tagger = need("transformers").pipeline("token-classification", model=str(path), ignore_labels=[])
    for row, line in zip(rows(), own):
        # Of each word, by its first piece.
        starts = [len(" ".join(row["words"][:place])) + (place > 0) for place in range(len(row["words"]))]
        tags = {entry["start"]: entry["entity"] for entry in tagger(row["text"])}
        assert [tags[start] for start in starts] == line["tags"], (row, tags, line)
    return f"tags of {len(own)} rows equal in pipeline"


def pairs(program):
    sentence_transformers = need("sentence_transformers")
    path = train(program, "pairs")
    own = said(program, path, "--text-pair", "other")
    encoder = sentence_transformers.CrossEncoder(str(path), device="cpu", max_length=16)
    found = encoder.predict([(row["text"], row["other"]) for row in rows()]).tolist()
    return difference([[x] for x in found], [[line["score"]] for line in own], least=1e-3) + ", CrossEncoder"


def embedding(program):
    sentence_transformers = need("sentence_transformers")
    path = train(program, "embedding")
    own = [line["vector"] for line in said(program, path)]
    model = sentence_transformers.SentenceTransformer(str(path), device="cpu")
    found = model.encode([row["text"] for row in rows()]).tolist()
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-5 for vector in found), "vectors of length 1"
    return difference(found, own, least=1e-3) + ", SentenceTransformer"


def dense(program):
    sentence_transformers = need("sentence_transformers")
    path = train(program, "dense")
    own = [line["vector"] for line in said(program, path)]
    model = sentence_transformers.SentenceTransformer(str(path), device="cpu")
    assert [type(module).__name__ for module in model] == ["Transformer", "Pooling", "Dense", "Normalize"], model
    found = model.encode([row["text"] for row in rows()]).tolist()
    assert all(len(vector) == 5 for vector in found), "vectors of five numbers"
    # And what it saves of that is read here.
    again = path.parent / "saved"
    model.save(str(again), create_model_card=False)
    difference([line["vector"] for line in said(program, again)], own, least=1e-3)
    return difference(found, own, least=1e-3) + ", SentenceTransformer, both ways"


def none(program):
    safetensors = need("safetensors.torch")
    path = train(program, "none")
    model, tokenizer = opened(path, "AutoModel")
    program.run("features", "--model", path, "--input", "rows.jsonl", "--max-length", 16, "--output", "none.safetensors",
                cwd=path.parents[1])
    features = safetensors.load_file(str(path.parents[1] / "none.safetensors"))
    own = features[f"hidden.{model.config.num_hidden_layers}"].tolist()
    found = [state for row in rows() for state in encoded(model, tokenizer, row).last_hidden_state[0].tolist()]
    return difference(found, own) + ", AutoModel"


CELLS = [(f"task {cell.__name__}", cell) for cell in (regression, multilabel, tokens, pairs, embedding, dense, none)]