from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import rows

import distill_ddp as dd
from distill_ddp._program import command, environment, path

#: Those of several MPIs, where launch/python-test.sh has installed them.
MPIRUNS = (os.environ.get("DISTILL_DDP_MPIRUNS") or str(shutil.which("mpirun"))).split(":")


def weights(directory: str) -> bytes:
    return (Path(directory) / "best" / "model.safetensors").read_bytes()


def test_events_arrive_in_order_and_again(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    run = dd.train(configuration, data=data)
    kinds = [event["event"] for event in run]
    assert kinds[0] == "run_started" and kinds[-1] == "run_finished"
    assert kinds.count("step") == 12 == len(run.steps)
    assert kinds.count("validation") == 2 == len(run.metrics)
    assert run.metrics[0]["val_accuracy"] >= 0
    assert [event["event"] for event in run] == kinds
    assert not run.is_running and not run.interrupted
    assert run.best == os.path.join("run", "best") and Path(run.best, "config.json").exists()


def test_the_command_line_gives_the_same_weights(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    dd.train(configuration, data=data).wait()
    for name, part in data.items():
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    configuration["data"].update(train={"jsonl": "train.jsonl"}, validation={"jsonl": "validation.jsonl"})
    configuration["run"]["directory"] = "other"
    Path("c.yaml").write_text(json.dumps(configuration))
    subprocess.run([path(), "--config", "c.yaml", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    assert weights("run") == weights("other")
    # From Python too, with a file, and with an override in place of the file's value.
    run = dd.train("c.yaml", overrides={"run.directory": "third", "training.batchSize": 10})
    assert weights(run.wait().directory) == weights("other")


@pytest.mark.parametrize("mpirun", MPIRUNS)
def test_ranks_train_together(
    mpirun: str, configuration: dict[str, Any], data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_DDP", path())
    monkeypatch.setenv("PATH", f"{os.path.dirname(mpirun)}:{os.environ['PATH']}")
    configuration["training"]["microBatches"] = 4
    run = dd.train(configuration, data=data, ranks=2, threads=1).wait()
    assert run.events[0]["ranks"] == 2
    alone = dd.train(configuration, data=data, overrides={"run.directory": "alone"}).wait()
    assert weights(run.directory) == weights(alone.directory)


def test_what_is_wrong_with_a_configuration_is_said_at_once(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    with pytest.raises(dd.DistillError, match="batch_size: unknown key; did you mean batchSize"):
        dd.train(configuration, data=data, overrides={"training.batch_size": 1})
    assert not Path("run").exists()


def test_a_run_that_fails_raises_its_message(
    configuration: dict[str, Any], data: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    dd.train(configuration, data=data).wait()
    with caplog.at_level(logging.INFO, logger="distill_ddp"), pytest.raises(dd.DistillError) as error:
        dd.train(configuration, data=data).wait()
    assert str(error.value).startswith("run") and "holds a run already" in str(error.value)
    assert error.value.status == 1
    assert any("holds a run already" in record.message for record in caplog.records)


@pytest.mark.parametrize("mpirun", MPIRUNS)
def test_a_stop_reaches_all_ranks(
    mpirun: str, configuration: dict[str, Any], data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_DDP", path())
    monkeypatch.setenv("PATH", f"{os.path.dirname(mpirun)}:{os.environ['PATH']}")
    configuration["training"]["epochs"] = 20000
    run = dd.train(configuration, data=data, ranks=2, threads=1)
    for event in run:
        if event["event"] == "step" and event["step"] == 3:
            run.stop()
    assert run.interrupted and Path("run/state/last").exists()


def test_mpirun_that_is_missing_is_said(
    configuration: dict[str, Any], data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILL_DDP", path())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(dd.DistillError, match="expected mpirun on PATH"):
        dd.train(configuration, data=data, ranks=2)


def test_stop_saves_the_state_and_resume_goes_on(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    configuration["training"]["epochs"] = 20000
    run = dd.train(configuration, data=data)
    for event in run:
        if event["event"] == "step" and event["step"] == 3:
            run.stop()
    assert run.interrupted and Path("run/state/last").exists()
    more = dd.train(configuration, data=data, overrides={"training.epochs": 2}, resume="auto", allow_changes=True)
    assert not more.wait().interrupted


@pytest.mark.parametrize("body", ["pass", "time.sleep(600)"])
def test_ctrl_c_saves_the_state(body: str, configuration: dict[str, Any], data: dict[str, Any]) -> None:
    configuration["training"]["epochs"] = 20000
    Path("job.json").write_text(json.dumps([configuration, data]))
    program = f"""
import json, time, distill_ddp as dd
configuration, data = json.load(open("job.json"))
run = dd.train(configuration, data=data)
try:
    for event in run:
        if event["event"] == "step":
            print("step", flush=True)
            {body}
except KeyboardInterrupt:
    run.wait()
    print("interrupted", run.interrupted, run.is_running, flush=True)
"""
    # As from a terminal, which sends the signal to everything in the foreground.
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None and process.stdout.readline() == "step\n"
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate()
    assert rest.splitlines()[-1] == "interrupted True False"
    assert Path("run/state/last").exists()


def test_a_run_that_is_killed_raises(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    configuration["training"]["epochs"] = 20000
    run = dd.train(configuration, data=data)
    with pytest.raises(dd.DistillError, match="signal 9"):
        for event in run:
            if event["event"] == "step":
                run.kill()


def test_nobody_follows_a_run_behind_its_interpreter(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    configuration["training"]["epochs"] = 20000
    Path("job.json").write_text(json.dumps([configuration, data]))
    program = """
import json, distill_ddp as dd
configuration, data = json.load(open("job.json"))
run = dd.train(configuration, data=data)
for event in run:
    if event["event"] == "step":
        print(run._process.pid)
        break
"""
    found = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    process = int(found.stdout)
    while Path(f"/proc/{process}").exists() and "Z" not in Path(f"/proc/{process}/stat").read_text().split(")")[1][:3]:
        time.sleep(0.05)
    assert Path("run/state/last").exists()


def test_the_module_is_the_command_line() -> None:
    words = [sys.executable, "-m", "distill_ddp", "--version"]
    shown = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert shown == subprocess.run([path(), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout


def test_templates_are_known_by_name(data: dict[str, Any]) -> None:
    names = {"teacher.model": "teacher", "student.fromTeacher.layers": [2, 4], "data.maxLength": 16}
    plan = dd.plan("mix-step", data=data, overrides={**names, "stages.mix.adaptors": ["LogitMSE"]})
    assert plan


def test_launchers_take_the_place_of_mpirun() -> None:
    assert command(["x"], 4, ["srun", "-n", "4"])[:3] == ["srun", "-n", "4"]
    assert command(["x"]) == [path(), "x"]
    with pytest.raises(ValueError, match="1 or more"):
        command(["x"], 0)
    assert "PATH" in environment()


def test_unlabelled_text_is_data_too(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    data["unlabelled"] = [row["text"] for row in rows(15, 3)]
    run = dd.train(configuration, data=data).wait()
    assert run.events[0]["unlabelled_rows"] == 15
