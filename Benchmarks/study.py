"""Does distilling win? Trains students with and without a teacher on the same labels, and writes the table of them.

Run it by launch/study.sh, which says how. Needs the standard library only. It works through settings (a dataset and a
number of labels), seeds and arms (a configuration that the project ships, or a variation of it). What one arm of one
seed came to is a JSON file of its own; an arm whose file exists is not run again, so an interrupted study goes on where
it stopped. The table is made from these files alone.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys

import study_arms
import study_report

SHORT_ARMS = ["teacher", "labels", "few-labels"]


def tweets(folder):
    def split(name):
        texts = (folder / f"{name}_text.txt").read_text(encoding="utf-8").split("\n")
        labels = (folder / f"{name}_labels.txt").read_text(encoding="utf-8").split("\n")
        return [{"text": text, "label": int(label)} for text, label in zip(texts, labels) if label]

    return split("train"), split("val")


def glue(folder, text, pair, label):
    def split(name):
        lines = (folder / name).read_text(encoding="utf-8-sig").splitlines()[1:]
        for fields in (line.split("\t") for line in lines if line):
            row = {"text": fields[text], "label": int(fields[label])}
            yield row if pair is None else row | {"text_pair": fields[pair]}

    return list(split("train.tsv")), list(split("dev.tsv"))


def rows_of(dataset, data):
    """The rows to learn from, and those that every figure is of."""
    if dataset == "sst2":
        return glue(data / "sst2", 0, None, 1)
    if dataset == "mrpc":
        return glue(data / "mrpc", 3, 4, 0)
    return tweets(data / dataset)


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def draw(setting, seed, data, folder):
    """Draws labelled, validation and unlabelled rows of a seed from the training file, and writes them once."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = rows_of(setting.dataset, data)
    # The known part of a file comes first, and nothing but the seed decides which it is.
    random.Random(f"{setting.dataset} {seed}").shuffle(train)
    validation, rest = train[: setting.validation], train[setting.validation :]
    labelled, text = rest[: setting.labels], rest[setting.labels : setting.labels + setting.text]
    write_rows(folder / "train.jsonl", labelled)
    write_rows(folder / "validation.jsonl", validation)
    write_rows(folder / "test.jsonl", test[: setting.test])
    write_rows(folder / "unlabelled.jsonl", [{key: row[key] for key in row if key != "label"} for row in text])
    write_rows(
        folder / "all.jsonl", [{key: row[key] for key in row if key != "label"} for row in labelled + text]
    )


class Study:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = arguments.folder.resolve()

    def command(self, *words):
        """Runs the program; returns what it wrote and the seconds of processor time that it took."""
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        with open(self.folder / "log.txt", "ab") as log:
            process = subprocess.Popen(
                [self.arguments.binary, *map(str, words)], stdout=subprocess.PIPE, stderr=log, env=environment
            )
            output = process.stdout.read()
            log.write(output)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"study: {' '.join(map(str, words))}: status {process.returncode}; see {self.folder}/log.txt")
        return output.decode(), usage.ru_utime + usage.ru_stime

    def train(self, setting, arm, variant, seed, place, run):
        """Trains one variant of an arm; returns its validation metric and processor time."""
        data = place / "data"
        settings = {
            "run.directory": run,
            "run.seed": seed,
            "run.threads": self.arguments.threads,
            "run.overwrite": "true",
            "task.labels": json.dumps(setting.classes),
            "data.train": json.dumps({"jsonl": str(data / ("all.jsonl" if arm.plain else "train.jsonl"))}),
            "data.validation": json.dumps({"jsonl": str(data / "validation.jsonl")}),
        }
        if arm.is_teacher:
            settings["student.model"] = self.arguments.large_model if arm.large else self.arguments.model
        elif arm.large:
            teacher = {"predictions": str(self.predictions(place))}
            if not arm.whole:
                teacher["model"] = str(place / "teacher" / "best")
            settings["teacher"] = json.dumps(teacher)
            if arm.whole:
                settings["student"] = json.dumps({"model": str(self.arguments.model)})
        else:
            settings["teacher.model"] = place / "teacher" / "best"
            if arm.distils:
                settings["teacher.cache"] = json.dumps({"path": str(place / "cache")})
        if arm.text:
            settings["data.unlabelled"] = json.dumps([{"jsonl": str(data / "unlabelled.jsonl")}])
        monitor = json.dumps({"monitor": f"val_{setting.metric}", "mode": "max"})
        settings[f"stages.{arm.stage}.checkpoint"] = monitor
        settings |= arm.settings | variant
        overrides = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        _, seconds = self.command("--config", arm.configuration, *overrides)
        summary = json.loads((run / "summary.json").read_text())
        return summary["stages"][-1]["best"][f"val_{setting.metric}"], seconds

    def predictions(self, place):
        """What the larger teacher says of all rows that students of a seed read: made once."""
        answers = place / "large-teacher.jsonl"
        if not answers.exists():
            rows = place / "rows.jsonl"
            rows.write_bytes(b"".join((place / "data" / f"{name}.jsonl").read_bytes() for name in ("all", "validation")))
            partial = place / "partial.jsonl"
            model = place / "large-teacher" / "best"
            _, seconds = self.command(
                "predict", "--model", model, "--input", rows, "--output", partial, "--threads", self.arguments.threads
            )
            (place / "large-teacher.seconds").write_text(str(seconds))
            partial.replace(answers)
        return answers

    def run(self, setting, arm, seed):
        result = self.folder / "results" / setting.name / arm.name / f"{seed}.json"
        if result.exists():
            return
        place = self.folder / "work" / setting.name / str(seed)
        if not (place / "data" / "all.jsonl").exists():
            draw(setting, seed, self.arguments.data, place / "data")
        print(f"{setting.name}, seed {seed}: {arm.name}", flush=True)
        tried, total = [], 0.0
        for number, variant in enumerate(arm.variants_for(setting)):
            run = place / f"{arm.name}-{number + 1}"
            validation, seconds = self.train(setting, arm, variant, seed, place, run)
            total += seconds
            tried.append((validation, -number, variant, run, seconds))
        validation, _, variant, run, seconds = max(tried, key=lambda entry: entry[:2])
        if arm.is_teacher:  # the students start from it
            shutil.rmtree(place / arm.name, ignore_errors=True)
            run = run.rename(place / arm.name)
        test, _ = self.command("evaluate", "--json", "--model", run / "best", "--data", place / "data" / "test.jsonl")
        test = json.loads(test)
        record = {
            "setting": setting.name,
            "arm": arm.name,
            "seed": seed,
            "chosen": variant,
            "validation": validation,
            "test": {key: test[key] for key in ("accuracy", "macro_f1", "macro_recall")},
            "parameters": test["parameters"],
            "cpu_seconds": round(seconds, 1),
            "cpu_seconds_of_all_tried": round(total, 1),
        }
        result.parent.mkdir(parents=True, exist_ok=True)
        partial = result.with_suffix(".partial")
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        partial.replace(result)
        for _, _, _, other, _ in tried:
            shutil.rmtree(other, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, help="the folder of the datasets")
    parser.add_argument("--model", type=pathlib.Path, help="the checkpoint that teachers start from")
    parser.add_argument("--large-model", type=pathlib.Path, help="a checkpoint for a larger teacher, several times its size")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("runs/study"), help="where results go")
    parser.add_argument("--binary", default=".build/release/distill-ddp")
    parser.add_argument("--settings", help="which, separated by commas; all unless given")
    parser.add_argument("--arms", help="which, separated by commas; all unless given")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1")
    parser.add_argument("--threads", type=int, default=1, help="worker threads of a run")
    parser.add_argument("--report", help="write NAME.md and NAME.json from the results that are there")
    parser.add_argument("--short", action="store_true", help="a minute or two: one small setting, one seed, three arms")
    arguments = parser.parse_args()

    settings = study_arms.SHORT if arguments.short else study_arms.SETTINGS
    names = (arguments.settings or ",".join(settings)).split(",")
    arm_names = (arguments.arms or ",".join(SHORT_ARMS if arguments.short else study_arms.ARMS)).split(",")
    for name, known in [(name, settings) for name in names] + [(name, study_arms.ARMS) for name in arm_names]:
        if name not in known:
            parser.error(f'expected one of {", ".join(known)}, found "{name}"')
    if arguments.data is not None:
        if arguments.model is None:
            parser.error("--data: expected --model besides, the checkpoint that teachers start from")
        study = Study(arguments)
        study.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            for seed in range(1, 1 + (1 if arguments.short else arguments.seeds)):
                for arm in dict.fromkeys(["teacher", *arm_names]):
                    if settings[name].has(study_arms.ARMS[arm], arguments.large_model is not None):
                        study.run(settings[name], study_arms.ARMS[arm], seed)
    elif not arguments.report:
        parser.error("expected --data and --model to train, or --report to write the table")
    results = study_report.read(arguments.folder / "results")
    table = study_report.table(results, settings)
    if arguments.report:
        pathlib.Path(f"{arguments.report}.json").write_text(study_report.as_json(results), encoding="utf-8")
        study_report.replace_table(pathlib.Path(f"{arguments.report}.md"), table)
    else:
        print(table, end="")


if __name__ == "__main__":
    main()
