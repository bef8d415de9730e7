from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import LABELS, rows

import distill_ddp as dd
from distill_ddp import _tensors
from distill_ddp._program import path

TEXTS = [row["text"] for row in rows(30, 4)] + ["", 'calm, "dear" \u2028 warm!']


def test_predictions_are_those_of_the_command_line() -> None:
    Path("texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    words = [path(), "predict", "--model", "student", "--input", "texts.jsonl"]
    lines = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    with dd.load("student") as model:
        assert model.labels == LABELS and model.parameters > 0 and model.max_length > 0
        found = model.predict(TEXTS)
        assert model.predict([]) == []
        assert model.predict(TEXTS[3]) == found[3]
    for line, prediction in zip([json.loads(line) for line in lines], found):
        assert prediction.label == line["label"] and prediction.logits == line["logits"]
        assert list(prediction.probabilities.values()) == line["probabilities"]
        assert list(prediction.probabilities) == LABELS
    assert len(found) == len(lines) == len(TEXTS)


def test_answers_of_other_tasks_are_those_of_the_command_line() -> None:
    rows = [{"words": ["good", "calm"], "tags": ["O", "B-X"], "text": "good calm", "label": ["a"]}] * 4
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = {}
    for kind, labels in (("tokens", ["O", "B-X"]), ("multilabel", ["a", "b"])):
        source = {"jsonl": "rows.jsonl"}
        config = {
            "run": {"directory": kind}, "task": {"kind": kind, "labels": labels},
            "data": {"train": source, "validation": source, "maxLength": 16},
            "student": {"model": "student", "head": "new"}, "stages": [{"name": "one", "maxSteps": 1}],
        }
        models[kind] = dd.train(config).best
    # As sentence-transformers lays out a model of vectors.
    os.makedirs("student/1_Pooling")
    modules = {"": "Transformer", "1_Pooling": "Pooling"}
    Path("student/modules.json").write_text(json.dumps([
        {"idx": index, "name": str(index), "path": name, "type": f"sentence_transformers.models.{kind}"}
        for index, (name, kind) in enumerate(modules.items())]))
    Path("student/1_Pooling/config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    models["embedding"] = "student"
    fields = {"tokens": ("words", "tags", "entities"), "multilabel": ("labels", "logits"), "embedding": ("vector",)}
    for kind, model in models.items():
        words = [path(), "predict", "--model", str(model), "--input", "texts.txt"]
        Path("texts.txt").write_text("good calm\nwarm\n")
        lines = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        with dd.load(model) as loaded:
            for line, found in zip([json.loads(line) for line in lines], loaded.predict(["good calm", "warm"])):
                assert [getattr(found, name) for name in fields[kind]] == [line[name] for name in fields[kind]]
                assert found.label is None and "label=" not in repr(found) and fields[kind][0] in repr(found)


def test_vectors_are_those_of_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    os.makedirs("student/1_Pooling")
    Path("student/modules.json").write_text(json.dumps([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
    Path("student/1_Pooling/config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    # As where it is not installed.
    monkeypatch.setattr("distill_ddp._model.numpy", lambda: None)
    with dd.load("student") as model:
        expected = [prediction.vector for prediction in model.predict(["good calm", "warm"])]
        assert model.embed(["good calm", "warm"]) == expected and model.embed("warm") == expected[1]
        assert model.embed([]) == []
    with dd.load("teacher") as model, pytest.raises(dd.DistillError, match="use predict, or features"):
        model.embed("good")


def test_a_precision_is_that_of_the_command_line() -> None:
    Path("texts.txt").write_text("".join(text + "\n" for text in TEXTS[:10]))
    words = [path(), "predict", "--model", "student", "--input", "texts.txt", "--precision", "int8"]
    lines = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    with dd.load("student", precision="int8") as model, dd.load("student") as other:
        # Again, as weights are packed for the first only.
        for _ in range(2):
            found = [prediction.logits for prediction in model.predict(TEXTS[:10])]
            assert found == [json.loads(line)["logits"] for line in lines]
        assert found != [prediction.logits for prediction in other.predict(TEXTS[:10])]
    with pytest.raises(dd.DistillError, match="precision"):
        dd.load("student", precision="int3")


def test_pairs_count() -> None:
    with dd.load("student") as model:
        pairs = model.predict(TEXTS, TEXTS[::-1])
        assert pairs != model.predict(TEXTS)
        assert model.predict(TEXTS[0], TEXTS[-1]) == pairs[0]
        with pytest.raises(ValueError, match="one for each"):
            model.predict(TEXTS, TEXTS[:2])


def test_features_have_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where numpy is not installed.
    monkeypatch.setattr(_tensors, "numpy", lambda: None)
    with dd.load("student") as model:
        features = model.features(TEXTS[:5])
        logits = [prediction.logits for prediction in model.predict(TEXTS[:5])]
        tokens = features["starts"][5]
        assert features["starts"].format == "q" and features["starts"].shape == (6,)
        assert features["hidden.0"].shape[0] == tokens and features["hidden.0"].format == "f"
        assert features["logits"].shape == (5, 3)
        for row, expected in zip(features["logits"].tolist(), logits):
            assert row == pytest.approx(expected, abs=1e-5)
        assert model.features("good")["starts"].tolist()[0] == 0


def test_requests_pack_no_weights_anew() -> None:
    def faults(pid: int | None) -> int:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])

    # A second thread touches memory of its own whenever it first comes in time for a part of a text.
    with dd.load("student", threads=1) as model:
        for text in TEXTS[:20]:
            model.predict(text)
        before = faults(model.pid)
        for text in TEXTS[:20] * 5:
            model.predict(text)
        # Each packing touches pages that are new, of the smallest model too.
        assert faults(model.pid) - before < 100


def test_a_model_that_is_killed_says_so_and_starts_again() -> None:
    with dd.load("student") as model:
        before = model.predict("good")
        assert model.pid is not None
        os.kill(model.pid, signal.SIGKILL)
        with pytest.raises(dd.DistillError, match="signal 9"):
            model.predict("good")
        assert model.predict("good") == before
    with pytest.raises(dd.DistillError, match="was closed"):
        model.predict("good")


def test_errors_are_the_programs() -> None:
    with pytest.raises(dd.DistillError, match="nowhere"):
        dd.load("nowhere/model")
    with pytest.raises(dd.DistillError, match="--max-length"):
        dd.load("student", max_length=100000)
    with dd.load("student") as model:
        with pytest.raises(dd.DistillError, match="list of texts"):
            model.predict([1])  # type: ignore[list-item]
        assert model.predict("good").label in LABELS


def test_threads_share_a_model() -> None:
    with dd.load("student", threads=1) as model:
        expected = model.predict(TEXTS)
        found: dict[int, list[dd.Prediction]] = {}

        def ask(number: int) -> None:
            found[number] = [model.predict(text) for text in TEXTS]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 4 and all(answers == expected for answers in found.values())


def test_a_call_that_is_interrupted_leaves_the_model_usable() -> None:
    with dd.load("student") as model:
        before = model.predict("good")
        main = threading.get_ident()
        timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                model.predict(TEXTS)
        assert model.predict("good") == before


def test_the_process_ends_with_its_model() -> None:
    model = dd.load("student")
    process = model.pid
    del model
    assert not Path(f"/proc/{process}").exists()
