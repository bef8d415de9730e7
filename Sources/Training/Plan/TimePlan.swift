import Encoders

/// How fast the machines of a job are.
package struct Speeds: Sendable, Equatable {
  /// Operations a second of one place in products of a frozen model's weights, which are packed.
  package var frozenProducts: Double
  /// In products of weights that are trained, and of their gradients.
  package var trainedProducts: Double
  /// Bytes a second between hosts.
  package var link: Double
  /// Bytes a second of gradients between ranks of one host, all copies included.
  package var withinHost = 1.5e9
  /// Bytes a second that the places of a host read and write together.
  package var memory = 15e9
  /// A message's cost to its sender beside its bytes, in seconds.
  package var latency = 5e-6

  /// Products inside sentences are of few rows and columns.
  static let attentionShare = 0.35
  /// Numbers a second that one place writes in normalizations, activation functions and the like.
  static let elements = 1.2e9

  package init(frozenProducts: Double, trainedProducts: Double, link: Double) {
    self.frozenProducts = frozenProducts
    self.trainedProducts = trainedProducts
    self.link = link
  }
}

/// Ranks and where they are.
package struct JobShape: Sendable, Equatable {
  package let ranks: Int
  package let threads: Int
  /// Ranks of one host.
  package let perHost: Int

  package init(ranks: Int, threads: Int, perHost: Int) {
    self.ranks = ranks
    self.threads = threads
    self.perHost = min(perHost, ranks)
  }

  package var places: Int { ranks * threads }
  package var hosts: Int { (ranks + perHost - 1) / perHost }
}

/// How long a run takes, by the model of docs/scaling.md.
package struct TimePlan: Sendable, Equatable {
  package struct Stage: Sendable, Equatable {
    package let name: String
    /// Seconds of a mean step, in the first epoch and later.
    package let firstStep: Double
    package let laterStep: Double
    /// Of a step, in the first epoch and later, what workers wait for the sum over ranks.
    package let firstExposed: Double
    package let laterExposed: Double
    /// Seconds of an epoch, with its validations.
    package let firstEpoch: Double
    package let laterEpoch: Double
    package let total: Double
  }

  package let stages: [Stage]
  /// Without start-up and without what files cost.
  package var total: Double { stages.reduce(0) { $0 + $1.total } }

  init(_ plan: RunPlan, _ job: JobShape, _ speeds: Speeds) {
    stages = plan.stages.map { stage in
      let model = StepModel(stage: stage, trainedWords: plan.train.words.count, job: job, speeds: speeds)
      let (first, firstExposed) = model.step(stage.firstWork)
      let (later, laterExposed) = model.step(stage.laterWork)
      let validation = model.compute(stage.validationWork) / Double(job.places)
      let epochs = stage.epochs.indices.map { epoch in
        Double(stage.epochs[epoch]) * (epoch == 0 ? first : later) + Double(stage.validations(epoch: epoch))
          * validation
      }
      return Stage(
        name: stage.settings.name, firstStep: first, laterStep: later, firstExposed: firstExposed,
        laterExposed: laterExposed, firstEpoch: epochs.first ?? 0, laterEpoch: epochs.dropFirst().first ?? epochs[0],
        total: epochs.reduce(0, +))
    }
  }
}

private struct StepModel {
  let stage: StagePlan
  /// Rows of the word embeddings that have moments in the end.
  let trainedWords: Int
  let job: JobShape
  let speeds: Speeds

  /// Seconds of one place.
  func compute(_ work: StagePlan.Work) -> Double {
    seconds(work.teacher, speeds.frozenProducts) + seconds(work.student, speeds.trainedProducts)
  }

  private func seconds(_ work: NecessaryWork, _ rate: Double) -> Double {
    work.linear / rate + work.attention / (rate * Speeds.attentionShare) + work.elements / Speeds.elements
  }

  /// All ranks wait for the slowest: longest first leaves a fraction of a sentence, and no place has half of one.
  private var imbalance: Double {
    let each = stage.batches.mean.sentences / Double(job.places)
    return max(1 + (job.places > 1 ? 0.15 / each : 0), 1 / each)
  }

  private var optimizer: Double {
    let adam = stage.settings.training.optimizer.kind == .adamw
    let values = Double(stage.wholeValues + (adam ? trainedWords : 0) * stage.rowWidth)
    // AdamW reads and writes 28 bytes a parameter; the norm reads 4, and adding up two workers' gradients moves 12.
    let bytes = (adam ? 28 : 12) * values + (4 + 12 * Double(job.threads - 1)) * stage.gradientValues
    return bytes * Double(job.perHost) / speeds.memory
  }

  private var communication: Double {
    guard job.ranks > 1 else { return 0 }
    let messages = stage.messagesSent(ranks: job.ranks) * speeds.latency
    let within = stage.bytesSent(ranks: job.perHost) * Double(job.perHost) / 2 / speeds.withinHost
    guard job.hosts > 1 else { return within + messages }
    // The first rounds stay within a host if its ranks are a power of two, which leaves each a part of what they summed.
    let bytes =
      job.perHost.nonzeroBitCount == 1
      ? stage.bytesSent(ranks: job.hosts) : stage.bytesSent(ranks: job.ranks) * Double(job.perHost)
    return max(bytes / speeds.link, within) + messages
  }

  /// Seconds of the next batch's teacher, which runs meanwhile.
  func hidden(_ work: StagePlan.Work) -> Double {
    seconds(work.teacher, speeds.frozenProducts) / Double(job.places)
  }

  /// Seconds of a step, and of them the exposed communication: what does not hide behind the next batch's teacher.
  func step(_ work: StagePlan.Work) -> (total: Double, exposed: Double) {
    let exposed = max(0, communication - hidden(work))
    let repeats = stage.microBatches(places: job.places) > job.places
    let compared = repeats ? seconds(stage.comparedWork, speeds.trainedProducts) : 0
    return ((compute(work) + compared) / Double(job.places) * imbalance + optimizer + exposed, exposed)
  }
}

extension RunPlan {
  /// Seconds of a step of the first stage in which workers have something else to do than wait for the sum over ranks,
  /// and of all of it but that sum.
  package func slackOfStep(_ job: JobShape, _ speeds: Speeds) -> (hidden: Double, total: Double)? {
    stages.first.map { stage in
      let model = StepModel(stage: stage, trainedWords: train.words.count, job: job, speeds: speeds)
      let (total, exposed) = model.step(stage.firstWork)
      return (model.hidden(stage.firstWork), total - exposed)
    }
  }

  package func time(_ job: JobShape, _ speeds: Speeds) -> TimePlan { TimePlan(self, job, speeds) }
}
