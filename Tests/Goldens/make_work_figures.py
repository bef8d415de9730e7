"""Writes Tests/Fixtures/training/work.json: the necessary operations of Benchmarks/necessary_work.py, which `plan` is to
find too.

    python3 Tests/Goldens/make_work_figures.py
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Benchmarks"))

import necessary_work  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

SENTENCES, LENGTH = 32, 30


def shape(of):
    return of and {"layers": of.layers, "hidden": of.hidden, "inner": of.inner, "heads": of.heads}


def main():
    cases = []
    for name in ["A", "A2", "B", "C", "D", "F"]:
        workload = WORKLOADS[name]
        work = necessary_work.step(workload, [LENGTH] * SENTENCES)
        cases.append({
            "name": name, "teacher": shape(workload.teacher_shape), "student": shape(workload.student_shape),
            "adaptors": list(workload.adaptors), "label_weight": workload.label_weight, "cached": workload.cached,
            "sentences": SENTENCES, "length": LENGTH, "linear": sum(product.flops for product in work.products),
            "attention": work.attention_flops,
        })
    path = ROOT / "Tests/Fixtures/training/work.json"
    path.write_text("[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
