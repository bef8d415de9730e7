import Training

/// How far a stage is, as a line of text.
struct StageProgressView {
  private let stage: StageOverview
  /// What the stages behind this one compute, as a multiple of this one.
  private let workBehind: Double
  /// One process waits for nobody.
  private let runsOnRanks: Bool
  private var last: StepReport?
  /// Of the epoch, as far as this process took its steps: Σ loss over sentences, and sentences.
  private var (lossInEpoch, sentencesInEpoch) = (0.0, 0)
  /// Seconds of a step and of a validation, the latest counting most.
  private var stepSeconds = RecentMean()
  private var validationSeconds = RecentMean()
  /// What the ranks told last.
  var ranks: RanksReport?

  init(_ stage: StageOverview, run: RunOverview?) {
    self.stage = stage
    runsOnRanks = (run?.ranks ?? 1) > 1
    let operations = run?.stageOperations ?? []
    let index = stage.index - 1
    guard operations.indices.contains(index), operations[index] > 0 else {
      workBehind = 0
      return
    }
    workBehind = operations[stage.index...].reduce(0, +) / operations[index]
  }

  mutating func add(_ step: StepReport) {
    if step.epoch != last?.epoch { (lossInEpoch, sentencesInEpoch) = (0, 0) }
    lossInEpoch += step.loss * Double(step.sentences)
    sentencesInEpoch += step.sentences
    last = step
    stepSeconds.add(step.seconds)
  }

  mutating func add(_ report: ValidationReport) { validationSeconds.add(report.seconds) }

  /// Whether the epoch's last step is the latest.
  var isAtEndOfEpoch: Bool { last.map { $0.stepInEpoch == $0.stepsInEpoch } ?? false }

  // MARK: Text

  /// A piece of the line; where there is no room for all, those of the highest number go first.
  private typealias Piece = (text: String, rank: Int)

  /// All there is to say.
  ///
  /// - Parameter endsEpoch: whether the loss is the epoch's, rather than the last batch's.
  func text(endsEpoch: Bool) -> String {
    pieces(bar: false, endsEpoch: endsEpoch).map(\.text).joined(separator: Self.gap)
  }

  /// What fits.
  func text(width: Int) -> String {
    var pieces = pieces(bar: true)
    func columns() -> Int { pieces.reduce(0) { $0 + $1.text.count } + Self.gap.count * (pieces.count - 1) }
    while pieces.count > 1, columns() > width, let least = pieces.indices.max(by: { pieces[$0].rank < pieces[$1].rank })
    {
      pieces.remove(at: least)
    }
    return pieces.map(\.text).joined(separator: Self.gap)
  }

  private static let gap = "  "

  private func pieces(bar: Bool, endsEpoch: Bool = false) -> [Piece] {
    guard let last else { return [(stage.name, 0)] }
    var pieces: [Piece] = []
    if stage.count > 1 { pieces.append((bar ? stage.name : "stage \(stage.name)", 4)) }
    if bar { pieces.append((progressBar(Double(last.step) / Double(max(1, last.steps))), 5)) }
    pieces.append(("epoch \(last.epoch)/\(last.epochs)", 1))
    pieces.append(("step \(last.stepInEpoch)/\(last.stepsInEpoch)", 0))
    let mean = lossInEpoch / Double(max(1, sentencesInEpoch))
    pieces.append((endsEpoch ? "mean loss \(fixed(mean, 4))" : "loss \(fixed(last.loss, 4))", 2))
    pieces.append(("lr \(scientific(last.learningRate))", 9))
    let seconds = max(last.seconds, 1e-9)
    let sentences = ranks?.sentencesPerSecond ?? Double(last.sentences) / seconds
    let tokens = ranks?.tokensPerSecond ?? Double(last.tokens) / seconds
    pieces.append(("\(fixed(sentences, sentences < 10 ? 1 : 0)) sentences/s", 6))
    pieces.append(("\(rounded(tokens)) tokens/s", 7))
    if let ranks, ranks.memory > 0 { pieces.append((byteText(ranks.memory), 10)) }
    if let ranks, runsOnRanks {
      pieces.append(("waiting for sums \(percent(ranks.exposedCommunication))", 11))
      pieces.append(("rank \(ranks.slowestRank) slowest, imbalance \(percent(ranks.slowestRankCost))", 8))
    }
    pieces.append((timeLeft(last), 3))
    return pieces
  }

  private func rounded(_ value: Double) -> String { Int(exactly: value.rounded()).map(grouped) ?? "\(value)" }
  private func percent(_ share: Double) -> String { "\(fixed(100 * share, share < 0.0995 ? 1 : 0)) %" }

  /// Of the stage and, where others follow, of the run, whose later stages are taken to compute as fast as this one.
  private func timeLeft(_ last: StepReport) -> String {
    let stepsLeft = Double(last.steps - last.step)
    let epochsLeft = Double(last.epochs - last.epoch + 1)
    let left = stepsLeft * stepSeconds.value + epochsLeft * validationSeconds.value
    guard workBehind > 0 else { return "\(clockTime(left)) left" }
    let whole = Double(last.steps) * stepSeconds.value + Double(last.epochs) * validationSeconds.value
    return "\(clockTime(left)) left, run \(clockTime(left + workBehind * whole))"
  }
}

/// `[=====>        ]`
func progressBar(_ done: Double) -> String {
  let columns = 14
  let filled = min(columns, max(0, Int(done * Double(columns))))
  let head = filled < columns ? ">" : ""
  return "[" + String(repeating: "=", count: filled) + head
    + String(repeating: " ", count: columns - filled - head.count) + "]"
}

/// A mean that forgets: of some fifty values all count about alike, and those before them hardly.
private struct RecentMean {
  private(set) var value = 0.0
  private var count = 0.0

  mutating func add(_ new: Double) {
    count = min(50, count + 1)
    value += (new - value) / count
  }
}
