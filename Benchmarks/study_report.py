"""The table of a study, from the files of its results alone: the same files give the same table."""

import json
import math
import re
import statistics

import study_arms

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
METRICS = {"accuracy": "accuracy", "macro_f1": "macro-F1", "macro_recall": "macro-recall"}


def read(folder):
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*/*.json"))]


def as_json(results):
    return json.dumps(sorted(results, key=lambda r: (r["setting"], r["arm"], r["seed"])), indent=1) + "\n"


def two_sided(t, degrees):
    """P(|T| ≥ |t|) of Student's t with whole degrees of freedom, by a finite series (Abramowitz and Stegun 26.7.3-4)."""
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2 == 1
    term, total = (cosine, cosine if degrees > 1 else 0.0) if odd else (1.0, 1.0)
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return max(0.0, 1 - inside)


def paired(differences):
    """The p-value of a paired t-test, None where it is not defined."""
    if len(differences) < 2 or statistics.stdev(differences) == 0:
        return None
    t = statistics.mean(differences) / (statistics.stdev(differences) / math.sqrt(len(differences)))
    return two_sided(t, len(differences) - 1)


def spread(values):
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.3f}"


def rows(results, setting):
    of = {}
    for result in results:
        if result["setting"] == setting.name:
            of.setdefault(result["arm"], {})[result["seed"]] = result
    for arm in study_arms.ARMS.values():
        runs = of.get(arm.name)
        if not runs:
            continue
        score = {seed: run["test"][setting.metric] for seed, run in runs.items()}

        def against(name, runs=of, score=score):
            other = {seed: run["test"][setting.metric] for seed, run in runs.get(name, {}).items()}
            return [(score[seed], other[seed]) for seed in sorted(score) if seed in other]

        gains = [100 * (mine - theirs) for mine, theirs in against(arm.labels_alone)]
        shares = [100 * mine / theirs for mine, theirs in against(arm.teacher)]
        p = paired(gains)
        yield (
            arm.title,
            f"{statistics.mean(run['parameters'] for run in runs.values()) / 1e6:.1f}",
            len(score),
            *(spread([run["test"][key] for run in runs.values()]) for key in METRICS),
            "" if not gains else f"{statistics.mean(gains):+.1f}",
            "" if p is None else f"{p:.3f}" if p >= 0.001 else "< 0.001",
            "" if not shares else f"{statistics.mean(shares):.1f} %",
            f"{statistics.mean(run['cpu_seconds'] for run in runs.values()) / 60:.1f}",
        )


def table(results, settings):
    out = []
    for setting in settings.values():
        body = list(rows(results, setting))
        if not body:
            continue
        text = f", {setting.text:,} rows without" if setting.text else ""
        out += [
            f"### {setting.dataset}, {setting.labels:,} labels{text}",
            "",
            f"| model | million parameters | seeds | {' | '.join(METRICS.values())} | over labels only | p | of teacher "
            "| CPU minutes |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *("| " + " | ".join(map(str, row)) + " |" for row in body),
            "",
            f"Gain, p and share are of {METRICS[setting.metric]}.",
            "",
        ]
    return "\n".join(out)


def replace_table(path, table):
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{path}: expected one {BEGIN} and one {END}, between which the table goes")
    kept = re.split(f"{re.escape(BEGIN)}.*{re.escape(END)}", text, flags=re.DOTALL)
    path.write_text(f"{kept[0]}{BEGIN}\n\n{table}\n{END}{kept[1]}", encoding="utf-8")
