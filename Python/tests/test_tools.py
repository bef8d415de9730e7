from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from conftest import rows

import distill_ddp as dd


def test_a_model_is_evaluated_on_rows() -> None:
    part = rows(25, 5)
    result = dd.evaluate("teacher", part, threads=1)
    assert result["rows"] == 25
    with dd.load("teacher") as model:
        right = sum(model.predict(row["text"]).label == row["label"] for row in part)
    assert result["accuracy"] == pytest.approx(right / 25)
    Path("t.txt").write_text("".join(row["text"] + "\n" for row in part))
    Path("l.txt").write_text("".join(row["label"] + "\n" for row in part))
    assert dd.evaluate("teacher", "t.txt", "l.txt", threads=1)["confusion"] == result["confusion"]
    with pytest.raises(dd.DistillError, match="label"):
        dd.evaluate("teacher", [{"text": "a", "label": "unheard of"}])


def test_runs_are_planned_compared_and_reported(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    plan = dd.plan(configuration, data=data, ranks=[1, 2])
    assert plan and not Path("run").exists()
    run = dd.train(configuration, data=data).wait()
    text = str(dd.compare([run, run.directory]))
    assert "run" in text
    page = dd.report(run)
    assert Path(page).read_text().startswith("<!DOCTYPE html>")
    assert dd.report("run", "page.html") == "page.html" and Path("page.html").exists()


def test_models_are_exported(workspace: Path) -> None:
    assert dd.export("teacher", "exported", "float32,int8") == "exported"
    assert {file.name for file in Path("exported/onnx").iterdir()} == {"model.onnx", "model_int8.onnx"}
    with pytest.raises(dd.DistillError, match="earlier export to replace"):
        dd.export("teacher", "teacher")


def test_the_machine_is_examined(configuration: dict[str, Any]) -> None:
    # What is wrong is among the findings, and no error.
    configuration["teacher"]["model"] = "nowhere"
    configuration["data"].update(train={"text": "nowhere"})
    findings = dd.doctor(configuration)["findings"]
    assert any(finding["check"] == "MPI" for finding in findings)
    assert any(finding["status"] == "problem" for finding in findings)


def test_a_function_teaches(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    texts = [row["text"] for part in data.values() for row in part]
    with dd.load("teacher", max_length=16) as teacher:

        def ask(batch: list[str]) -> list[list[float]]:
            return [prediction.logits for prediction in teacher.predict(batch)]

        file = dd.predictions_from(ask, texts, "said.jsonl", batch_size=7)
    configuration["stages"][0]["adaptors"] = ["LogitMSE"]
    configuration["student"] = {"model": "student"}
    run = dd.train(configuration, data=data).wait()
    configuration["teacher"] = {"predictions": [file]}
    configuration["run"]["directory"] = "taught"
    taught = dd.train(configuration, data=data).wait()
    weights = [(Path(directory) / "best" / "model.safetensors").read_bytes() for directory in (run.directory, "taught")]
    assert weights[0] == weights[1] and taught.directory == "taught"


def test_the_readme_tells_the_truth(
    data: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = Path(__file__).resolve().parents[2] / "README.md"
    lines = readme.read_text(encoding="utf-8").split("```python\n", 1)[1].split("```", 1)[0]
    assert len(ast.parse(lines).body) == 5
    # Small models and data in place of those it names.
    for name, rows in data.items():
        text = "".join(f"{row['label']},{row['text']}\n" for row in rows)
        Path(f"{name}.csv").write_text("label,text\n" + text)
    for shown, small in (("sentence-transformers/all-MiniLM-L6-v2", "student"), ("[2, 4, 6]", "[1, 2]")):
        assert shown in lines
        lines = lines.replace(shown, small)
    lines = lines.replace("overrides={", 'overrides={"data.maxLength": 16, ')
    exec(compile(lines, "README.md", "exec"), {})
    assert "Prediction(label=" in capsys.readouterr().out


def test_answers_of_other_shapes_are_refused() -> None:
    assert dd.predictions_from(lambda batch: ["good"] * len(batch), ["a"], "l.jsonl") == "l.jsonl"
    assert Path("l.jsonl").read_text() == '{"text": "a", "label": "good"}\n'
    wrong: list[list[list[float]]] = [[], [[1.0], [2.0]], [[float("nan")]], [[]]]
    for answers in wrong:
        with pytest.raises(ValueError, match="teacher:"):
            dd.predictions_from(lambda _, answers=answers: answers, ["a"], "x.jsonl")  # type: ignore[misc]
    with pytest.raises(ValueError, match=".jsonl"):
        dd.predictions_from(lambda batch: [], [], "x.csv")
    assert not Path("x.jsonl").exists()
