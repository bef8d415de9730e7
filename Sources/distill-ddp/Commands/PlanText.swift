import JSON
import Kernels
import Limits
import Training

/// What `plan` prints.
struct PlanText {
  let plan: RunPlan
  let speeds: Speeds
  /// Whether the rate of products was measured here.
  let isMeasured: Bool
  let jobs: [JobShape]
  /// Gigabits a second.
  let link: Double

  var lines: [String] {
    var lines = models + [""] + data + [""] + work
    lines += [""] + disk + [""] + memory + [""] + time
    return lines
  }

  // MARK: Parts

  private var models: [String] {
    var rows = [["model", "layers", "width", "heads", "parameters"]]
    for (name, shape, parameters) in [
      ("teacher", plan.shapes.teacher, plan.shapes.teacherParameters),
      ("student", plan.shapes.student, plan.shapes.studentParameters),
    ] {
      guard let shape else { continue }
      rows.append([name, grouped(shape.layers), grouped(shape.hiddenSize), grouped(shape.heads), grouped(parameters)])
    }
    let teacher = plan.configuration.teacher?.precision.resolved ?? .float32
    let students = plan.stages.map(\.settings.training.precision.rawValue)
    guard teacher != .float32 || students.contains("bfloat16") else { return table(rows) }
    return table(rows) + [
      "Products: the teacher's in \(teacher.withInstructions), the student's in \(students.joined(separator: ", then "))."
    ]
  }

  private var data: [String] {
    var rows = [["data", "rows", "mean tokens", "most tokens", "distinct tokens"]]
    for (name, figures) in [("training", plan.train), ("validation", plan.validation)] {
      guard let figures else { continue }
      rows.append([
        name, grouped(figures.rows), fixed(figures.all.tokens / max(1, figures.all.sentences), 1),
        grouped(figures.longest), grouped(figures.words.count),
      ])
    }
    return table(rows) + (plan.train.isCounted ? [] : ["(assumed, not counted)"])
  }

  private var work: [String] {
    var rows = [
      [
        "stage", "trained parameters", "epochs", "steps", "steps/epoch", "GFLOP/step", "TFLOP/epoch",
        "gradient MB/step",
      ]
    ]
    for stage in plan.stages {
      func line(_ name: String, _ work: StagePlan.Work, _ epochs: Range<Int>) -> [String] {
        [
          name, grouped(stage.trainedParameters), grouped(epochs.count),
          grouped(stage.epochs[epochs].reduce(0, +)), grouped(stage.epochs[0]),
          fixed(work.operations / 1e9, 1), fixed(work.operations * Double(stage.epochs[0]) / 1e12, 2),
          fixed(4 * stage.gradientValues / 1e6, 1),
        ]
      }
      let differs = stage.firstWork != stage.laterWork && stage.epochs.count > 1
      rows.append(line(stage.settings.name, stage.firstWork, 0..<(differs ? 1 : stage.epochs.count)))
      if differs { rows.append(line("  later epochs", stage.laterWork, 1..<stage.epochs.count)) }
    }
    return table(rows)
  }

  private var disk: [String] {
    var rows = [
      ["disk: each checkpoint", byteText(plan.checkpointBytes)], ["each state", byteText(plan.stateBytes)],
      ["the run, at most", byteText(plan.mostBytes)], ["the run, once finished", byteText(plan.keptBytes)],
    ]
    if let cache = plan.cacheBytes { rows.append(["teacher cache", byteText(cache)]) }
    if plan.tokenBytes > 0 { rows.append(["tokens of the data, once a host", byteText(plan.tokenBytes)]) }
    return table(rows)
  }

  private var memory: [String] {
    var rows = [
      ["memory", "each rank", "weights", "gradients", "moments", "activations", "messages", "teacher", "each host"]
    ]
    for job in jobs {
      let memory = plan.memory(ranks: job.ranks, threads: job.threads)
      rows.append([
        Self.name(job), byteText(max(memory.training, memory.loading)), byteText(memory.weights),
        byteText(memory.gradients), byteText(memory.moments), byteText(memory.activations), byteText(memory.messages),
        byteText(memory.sharedTeacher), byteText(memory.host(ranks: job.perHost)),
      ])
    }
    return table(rows) + ["The teacher's weights are in memory once on each host."]
      + (MemoryLimit.tightest().map { ["Here, \($0.name) leaves \(byteText($0.left))."] } ?? [])
  }

  private var time: [String] {
    var rows = [
      ["time", "stage", "step", "waiting for sums", "sentences/s", "first epoch", "later epochs", "stage", "run"]
    ]
    for job in jobs {
      let time = plan.time(job, speeds)
      for (index, (stage, planned)) in zip(plan.stages, time.stages).enumerated() {
        rows.append([
          index == 0 ? "\(Self.name(job)) × \(counted(job.threads, "thread"))" : "", planned.name,
          milliseconds(planned.firstStep), milliseconds(planned.firstExposed),
          fixed(stage.batches.mean.sentences / planned.firstStep, 0), clockTime(planned.firstEpoch),
          stage.epochs.count > 1 ? clockTime(planned.laterEpoch) : "–", clockTime(planned.total),
          index == 0 ? clockTime(time.total) : "",
        ])
      }
    }
    let source = isMeasured ? "measured here" : "as given"
    return table(rows) + [
      "\(fixed(speeds.frozenProducts / 1e9, 0)) and \(fixed(speeds.trainedProducts / 1e9, 0)) GFLOP/s a core for the "
        + "teacher and the student, \(source); \(fixed(link, link < 10 ? 1 : 0)) Gb/s between hosts, "
        + "\(counted(jobs.map(\.perHost).max() ?? 1, "rank")) on each host."
    ]
  }

  /// `1 rank`, `4 ranks on 2 hosts`
  private static func name(_ job: JobShape) -> String {
    job.ranks == 1 ? "1 rank" : "\(counted(job.ranks, "rank")) on \(counted(job.hosts, "host"))"
  }

  private func milliseconds(_ seconds: Double) -> String { "\(fixed(1000 * seconds, seconds < 0.1 ? 1 : 0)) ms" }

  // MARK: JSON

  var json: JSON {
    [
      "teacher_parameters": plan.shapes.teacher == nil ? .null : .integer(plan.shapes.teacherParameters),
      "teacher_precision": plan.shapes.teacher == nil
        ? .null : .string((plan.configuration.teacher?.precision.resolved ?? .float32).rawValue),
      "student_parameters": .integer(plan.shapes.studentParameters),
      "train": json(plan.train), "validation": plan.validation.map(json) ?? .null,
      "stages": .array(plan.stages.map(json)),
      "disk": [
        "checkpoint": .integer(plan.checkpointBytes), "state": .integer(plan.stateBytes),
        "most": .integer(plan.mostBytes), "kept": .integer(plan.keptBytes),
        "teacher_cache": plan.cacheBytes.map(JSON.integer) ?? .null, "tokens": .integer(plan.tokenBytes),
      ],
      "rates": [
        "frozen_products": .number(speeds.frozenProducts), "trained_products": .number(speeds.trainedProducts),
        "link_bytes": .number(speeds.link), "measured": .bool(isMeasured),
      ],
      "jobs": .array(jobs.map(json)),
    ]
  }

  private func json(_ figures: DatasetFigures) -> JSON {
    [
      "rows": .integer(figures.rows), "tokens": .number(figures.all.tokens), "longest": .integer(figures.longest),
      "words": .integer(figures.words.count), "counted": .bool(figures.isCounted),
    ]
  }

  private func json(_ stage: StagePlan) -> JSON {
    [
      "name": .string(stage.settings.name), "parameters": .integer(stage.parameters),
      "trained_parameters": .integer(stage.trainedParameters), "steps": .integer(stage.steps),
      "epochs": .integer(stage.epochs.count), "step_operations": .number(stage.firstWork.operations),
      "later_step_operations": .number(stage.laterWork.operations), "gradient_bytes": .number(4 * stage.gradientValues),
    ]
  }

  private func json(_ job: JobShape) -> JSON {
    let memory = plan.memory(ranks: job.ranks, threads: job.threads)
    let time = plan.time(job, speeds)
    return [
      "ranks": .integer(job.ranks), "threads": .integer(job.threads), "hosts": .integer(job.hosts),
      "memory": [
        "rank": .integer(max(memory.training, memory.loading)), "loading": .integer(memory.loading),
        "training": .integer(memory.training), "weights": .integer(memory.weights),
        "gradients": .integer(memory.gradients), "moments": .integer(memory.moments),
        "activations": .integer(memory.activations), "messages": .integer(memory.messages),
        "shared_teacher": .integer(memory.sharedTeacher), "host": .integer(memory.host(ranks: job.perHost)),
      ],
      "seconds": .number(time.total),
      "stages": .array(
        zip(plan.stages, time.stages).map { stage, planned in
          [
            "name": .string(planned.name), "step_seconds": .number(planned.firstStep),
            "later_step_seconds": .number(planned.laterStep), "exposed_seconds": .number(planned.firstExposed),
            "first_epoch_seconds": .number(planned.firstEpoch), "later_epoch_seconds": .number(planned.laterEpoch),
            "seconds": .number(planned.total), "bytes_sent": .number(stage.bytesSent(ranks: job.ranks)),
          ]
        }),
    ]
  }
}
