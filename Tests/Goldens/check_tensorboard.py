"""Reads a run's event files with TensorBoard itself and compares every point and picture with metrics.jsonl.

    python3 -m venv /tmp/tensorboard && /tmp/tensorboard/bin/pip install tensorboard pillow
    /tmp/tensorboard/bin/python Tests/Goldens/check_tensorboard.py runs/mine
"""

import argparse
import collections
import io
import json
import pathlib
import sys

import numpy
import PIL.Image
from tensorboard.backend.event_processing import event_accumulator, event_file_loader

SCALARS = {"loss": "loss/total", "learning_rate": "optimizer/learning_rate", "gradient_norm": "optimizer/gradient_norm"}


def expected_points(log):
    """{stage: {tag: [(step, value)]}} of a metrics.jsonl."""
    stages, terms = {}, []
    for event in map(json.loads, log.read_text().splitlines()):
        kind = event["event"]
        if kind == "stage_started":
            points = stages[event["stage"]] = collections.defaultdict(list)
            terms = ["hard"] + [adaptor["name"] for adaptor in event["adaptors"]]
        elif kind == "step":
            for key, tag in list(SCALARS.items()) + [(term, f"loss/{term}") for term in terms]:
                if event.get(key) is not None:
                    points[tag].append((event["step"], event[key]))
            for key in ("sentences", "tokens"):
                points[f"throughput/{key}_per_second"].append((event["step"], event[key] / event["seconds"]))
        elif kind == "gradient_shares":
            for key, value in event.items():
                if key.startswith("gradient_share"):
                    points[key].append((event["step"], value))
        elif kind == "validation":
            for key, value in event.items():
                if key.startswith("val_"):
                    points[f"validation/{key[4:]}"].append((event["step"], value))
    return stages


def expected_pictures(log):
    """{stage: {tag: [(step, teacher's map, student's map)]}} of a metrics.jsonl."""
    stages = collections.defaultdict(lambda: collections.defaultdict(list))
    for event in map(json.loads, log.read_text().splitlines()):
        if event["event"] == "attention":
            for sentence in event["sentences"]:
                for maps in sentence["maps"]:
                    tag = "attention/row_{row}/student_{student_layer}_teacher_{teacher_layer}".format(**sentence, **maps)
                    stages[event["stage"]][tag].append((event["step"], maps["teacher"], maps["student"]))
    return stages


def picture_problem(point, step, maps):
    """What is wrong with one picture: both maps, by the square root, with a cell between them."""
    width, height, png = point.tensor_proto.string_val
    picture = PIL.Image.open(io.BytesIO(png)).convert("RGBA")
    tokens = len(maps[0])
    cell = picture.height // tokens
    if (point.step, int(width), int(height)) != (step, *picture.size) or picture.width != (2 * tokens + 1) * cell:
        return f"step {point.step}, {picture.size}, expected step {step} and {tokens} tokens"
    alpha = numpy.asarray(picture)[::cell, ::cell, 3]
    most = max(1, *(value for part in maps for row in part for value in row))
    for part, left in zip(maps, (0, tokens + 1)):
        expected = numpy.floor(255 * numpy.sqrt(numpy.array(part) / most))
        if numpy.abs(alpha[:, left:left + tokens] - expected).max() > 1:
            return "other pixels than the log's map"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    run = parser.parse_args().run
    stages = expected_points(run / "metrics.jsonl")
    pictures = expected_pictures(run / "metrics.jsonl")
    found = sorted(path.name for path in (run / "tensorboard").iterdir())
    problems = [] if found == sorted(stages) else [f"expected stages {sorted(stages)}, found {found}"]
    for stage, points in stages.items():
        directory = run / "tensorboard" / stage
        files = list(directory.iterdir())
        if len(files) != 1:
            problems.append(f"{stage}: expected one file, found {len(files)}")
        # The loader stops at a damaged record without a word, so records are counted, too.
        versions = [event.file_version for event in event_file_loader.EventFileLoader(str(files[0])).Load()]
        everything = event_accumulator.EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0})
        everything.Reload()
        tags = everything.Tags()
        print(f"{stage}: {len(versions)} records, version {versions[0]}, {len(tags['scalars'] + tags['tensors'])} tags")
        if sorted(tags["scalars"]) != sorted(points):
            problems.append(f"{stage}: expected {sorted(points)}, found {sorted(tags['scalars'])}")
        for tag in points:
            if tag not in tags["scalars"]:
                continue
            own = [(point.step, point.value) for point in everything.Scalars(tag)]
            rounded = [(step, float(numpy.float32(value))) for step, value in points[tag]]
            if own != rounded:
                problems.append(f"{stage}: {tag}: {len(own)} points differ from {len(rounded)} expected")
        found = {tag for tag in tags["tensors"] if tag.startswith("attention/")}
        if found != set(pictures[stage]):
            problems.append(f"{stage}: expected pictures {sorted(pictures[stage])}, found {sorted(found)}")
        for tag in found & set(pictures[stage]):
            points, expected = everything.Tensors(tag), pictures[stage][tag]
            if len(points) != len(expected):
                problems.append(f"{stage}: {tag}: {len(points)} pictures, expected {len(expected)}")
            for point, (step, *maps) in zip(points, expected):
                problem = picture_problem(point, step, maps)
                if problem:
                    problems.append(f"{stage}: {tag}: {problem}")
        text = everything.Tensors("config")[0].tensor_proto.string_val[0].decode()
        yaml = "\n".join(line[4:] for line in text.split("\n"))
        if yaml.strip() != (run / "config.yaml").read_text().strip():
            problems.append(f"{stage}: config: not the text of config.yaml")
    print("\n".join(problems) or "every point and picture of the log is there once, and no other")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
