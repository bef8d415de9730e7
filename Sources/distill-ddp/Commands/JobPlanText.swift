import JSON
import Training

/// What `plan` prints: of a sweep a table of its runs, and the first in full.
struct JobPlanText {
  let job: JobPlan
  let speeds: Speeds
  /// Whether the rate of products was measured here.
  let isMeasured: Bool
  let shapes: [JobShape]
  /// Gigabits a second.
  let link: Double

  private func text(_ plan: RunPlan) -> PlanText {
    PlanText(plan: plan, speeds: speeds, isMeasured: isMeasured, jobs: shapes, link: link)
  }

  var lines: [String] {
    guard job.runs.count > 1 || !job.runs[0].name.isEmpty else { return text(job.first).lines }
    var rows = [["run", "steps", "disk"] + shapes.map { "memory, \(Self.name($0))" } + shapes.map(Self.name)]
    for run in job.runs {
      rows.append(
        [
          run.name.escapedForDisplay, grouped(run.plan.stages.reduce(0) { $0 + $1.steps }),
          byteText(run.plan.keptBytes),
        ] + shapes.map { byteText(run.plan.memory(ranks: $0.ranks, threads: $0.threads).host(ranks: $0.perHost)) }
          + shapes.map { clockTime(run.plan.time($0, speeds).total) })
    }
    rows.append(
      [
        "all runs", grouped(job.runs.reduce(0) { $0 + $1.plan.stages.reduce(0) { $0 + $1.steps } }),
        byteText(job.mostBytes),
      ]
        + shapes.map { byteText(job.memoryOfHost(ranks: $0.ranks, threads: $0.threads, perHost: $0.perHost)) }
        + shapes.map { clockTime(job.seconds($0, speeds)) })
    var lines = [
      "\(counted(job.runs.count, "run")) in \(job.directory.escapedForDisplay), one after the other; memory is that of a "
        + "host, and disk of all runs includes the states of the run at work.", "",
    ]
    lines += table(rows)
    for cache in job.caches { lines.append("teacher cache \(cache.path.escapedForDisplay): \(byteText(cache.bytes))") }
    return lines + ["", "The first run, \(job.runs[0].name.escapedForDisplay):", ""] + text(job.first).lines
  }

  private static func name(_ shape: JobShape) -> String { counted(shape.ranks, "rank") }

  /// One run as it is; a sweep's runs in a list.
  var json: JSON {
    guard job.runs.count > 1 || !job.runs[0].name.isEmpty else { return text(job.first).json }
    return [
      "runs": .array(
        job.runs.map { run in
          var members = text(run.plan).json.object ?? JSONObject()
          members["run"] = .string(run.name)
          return .object(members)
        }),
      "disk": [
        "most": .integer(job.mostBytes), "kept": .integer(job.keptBytes),
        "teacher_cache": .integer(job.caches.reduce(0) { $0 + $1.bytes }),
      ],
      "jobs": .array(
        shapes.map { shape in
          [
            "ranks": .integer(shape.ranks), "threads": .integer(shape.threads), "hosts": .integer(shape.hosts),
            "memory_of_host": .integer(
              job.memoryOfHost(ranks: shape.ranks, threads: shape.threads, perHost: shape.perHost)),
            "seconds": .number(job.seconds(shape, speeds)),
          ]
        }),
    ]
  }
}
