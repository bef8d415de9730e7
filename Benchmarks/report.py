"""The tables: medians, ranges, and ratios of the same round."""

import statistics


def spread(values: list[float], digits: int = 0) -> str:
    """median [least–most]"""
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}–{max(values):.{digits}f}]"


def table(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def text(results: dict) -> str:
    parts = [", ".join(f"{key}: {value}" for key, value in results["machine"].items())]
    if results["workloads"]:
        # A program that comes and goes slows some rounds to half; noise does not.
        disturbed = [
            name for name, workload in results["workloads"].items()
            if min(workload["sgemm"]["gflops"]) < 0.85 * max(workload["sgemm"]["gflops"])]
        if disturbed:
            parts.append(f"The machine was not quiet during {', '.join(disturbed)}: measure again.")
        parts += ["Real tokens a second: median [range] of the rounds; ratios are of the same round.", _speed(results)]
        parts += ["sgemm at the workload's shapes, all threads, GFLOP/s:", _sgemm(results)]
        parts += ["Peak memory, MiB (summed proportional set size):", _memory(results)]
    if "scaling" in results:
        parts += ["Scaling of ours:", _scaling(results["scaling"])]
    if "startup" in results:
        parts.append(
            f"Start to first step, {results['startup']['rows']} tweets: {spread(results['startup']['seconds'], 2)} s")
    if "products" in results:
        parts += ["Matrix products, one thread, GFLOP/s (of the rate of the registers, with the same instructions):",
                  _products(results["products"])]
    if "kernels" in results:
        parts += ["Kernels, one thread:", _kernels(results["kernels"])]
    return "\n\n".join(parts)


def _ratio(value: float, target: float | None) -> str:
    return "" if target is None else f" {'≥' if value >= target else 'MISSES'} {target}"


def _speed(results: dict) -> str:
    rows = [["", "batches", "ours", "PyTorch", "as", "ours ÷ PyTorch", "efficiency"]]
    for name, workload in results["workloads"].items():
        for index, (rung, data) in enumerate(workload["rungs"].items()):
            ours, theirs = data["seconds"]["ours"], data["seconds"]["pytorch"]
            ratios = [b / a for a, b in zip(ours, theirs)]
            targets = workload["targets"]
            limits = [data["flops"] / rate * 1e-9 for rate in workload["sgemm"]["gflops"]]
            efficiency = statistics.median(limit / taken for limit, taken in zip(limits, ours))
            rows.append([
                f"{name}: {workload['title']}" if index == 0 else "", rung,
                spread([data["tokens"] / s for s in ours]), spread([data["tokens"] / s for s in theirs]),
                data["pytorch_as"], spread(ratios, 2) + _ratio(statistics.median(ratios), targets and targets[index]),
                f"{efficiency:.2f}" + (_ratio(efficiency, targets[2]) if targets and index == 0 else "")])
    return table(rows)


def _sgemm(results: dict) -> str:
    rows = [["", "sgemm", "registers only", "OpenBLAS kernel"]]
    for name, workload in results["workloads"].items():
        sgemm = workload["sgemm"]
        rows.append([name, spread(sgemm["gflops"]), f"{sgemm['peak']:.0f}", sgemm["core"]])
    return table(rows)


def _memory(results: dict) -> str:
    ways = list(dict.fromkeys(way for workload in results["workloads"].values()
                              for way in workload["memory_mib"]["pytorch"]))
    rows = [["", "ours", *(f"PyTorch {way}" for way in ways), "ours ÷ least"]]
    for name, workload in results["workloads"].items():
        ours, theirs = workload["memory_mib"]["ours"], workload["memory_mib"]["pytorch"]
        rows.append([name, f"{ours:.0f}", *(f"{theirs[way]:.0f}" if way in theirs else "–" for way in ways),
                     f"{ours / min(theirs.values()):.2f}"])
    return table(rows)


def _scaling(scaling: dict) -> str:
    rows = [["", "ranks × threads", "tokens/s", "÷ 1 × 1", "÷ unpinned", "exposed communication", "MiB"]]
    for name, data in scaling.items():
        seconds = data["seconds"]
        for index, (key, values) in enumerate(seconds.items()):
            unpinned = seconds[key.split(",")[0]]
            rows.append([
                name if index == 0 else "", key, spread([data["tokens"] / s for s in values]),
                spread([a / b for a, b in zip(seconds["1 × 1"], values)], 2),
                spread([a / b for a, b in zip(unpinned, values)], 2) if unpinned is not values else "",
                f"{100 * statistics.median(e / s for e, s in zip(data['exposed'][key], values)):.1f} %",
                f"{data['memory_mib'][key]:.0f}"])
    return table(rows)


def _kernels(rounds: list[list[dict]]) -> str:
    rows = [["kernel", "plain loop, µs", "ours, µs", "times faster", "bound, µs", "of bound", "bound by"]]
    for samples in zip(*rounds):
        ours, plain, bound = (
            statistics.median(sample[key] for sample in samples) for key in ("ours", "plain", "bound"))
        rows.append([samples[0]["name"], f"{plain:.2f}", f"{ours:.2f}", f"{plain / ours:.1f}", f"{bound:.2f}",
                     f"{bound / ours:.2f}", samples[0]["by"]])
    return table(rows)


def _products(rounds: list[dict]) -> str:
    """A figure is the best of all rounds: processor time, which other programs only lengthen."""
    shapes = list(rounds[0]["shapes"])
    bodies = [body for body in rounds[0]["shapes"][shapes[0]]]
    peaks = {name: max(sample["registers"][name] for sample in rounds) for name in rounds[0]["registers"]}
    rows = [["rows × columns × inner", *bodies]]
    for shape in shapes:
        cells = []
        for body in bodies:
            rate = max(sample["shapes"][shape][body] for sample in rounds)
            peak = peaks.get(body.split(",")[0], 0)
            cells.append(f"{rate:.0f}" + (f" ({rate / peak:.2f})" if peak else ""))
        rows.append([shape, *cells])
    return table(rows) + "\n\nRegisters: " + ", ".join(f"{name} {rate:.0f}" for name, rate in peaks.items())
