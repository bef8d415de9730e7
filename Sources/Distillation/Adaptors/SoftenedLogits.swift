import Encoders
import Glibc
import Kernels

/// Both models' logits divided by a temperature: what the adaptors on logits compare.
struct SoftenedLogits: Sendable {
  /// What a sentence's temperature depends on besides `temperature`.
  private enum Schedule: String, CaseIterable {
    case constant
    /// τ + β·(mean w − w), w = (1 − cos(z_S, z_T))^γ: sharper where student and teacher disagree (TextBrewer's `flsw`,
    /// after Li et al., 2019).
    case flsw
    /// τ + β·(mean w − w), w = 1/max p_S: sharper where the student is unsure.
    case cwsm
  }

  static let temperature = AdaptorOption(
    "temperature", .number(above: 0, atMost: 1000), default: .number(4), "divides the logits")
  static let temperatureScaling = AdaptorOption(
    "temperatureScaling", .flag, default: .flag(true), "multiply the loss by the temperature's square")
  static let temperatureBy = AdaptorOption(
    "temperatureBy", .word(Schedule.allCases.map(\.rawValue)), default: .word(Schedule.constant.rawValue),
    "a [temperature for each sentence](adaptors.md#temperatures)")
  static let beta = AdaptorOption(
    "beta", .number(above: 0, atMost: 1000), default: .number(1), "how far `temperatureBy` moves the temperature")
  static let gamma = AdaptorOption(
    "gamma", .number(above: 0, atMost: 1000), default: .number(2), "the power in `temperatureBy: flsw`")
  static let probabilityShift = AdaptorOption(
    "probabilityShift", .flag, default: .flag(false),
    "swap the teacher's largest logit with the label's, where there is a label")
  static let options = [temperature, temperatureScaling, temperatureBy, beta, gamma, probabilityShift]

  /// The lowest temperature that a schedule gives, which could otherwise be negative.
  private static let lowest = 0.1

  /// What is compared, in a table's words.
  static func caption(_ what: String, _ settings: AdaptorSettings) -> String {
    let temperature = settings.number(temperature)
    let shown = Int(exactly: temperature).map(String.init) ?? "\(temperature)"
    let schedule: Schedule = settings.word(temperatureBy)
    if schedule == .constant, temperature == 1, what == "logits" { return what }
    return "\(what) at temperature \(shown)" + (schedule == .constant ? "" : ", by \(schedule.rawValue)")
  }

  /// Whether the loss of one sentence depends on the others of its micro-batch.
  static func comparesSentences(_ settings: AdaptorSettings) -> Bool {
    settings[temperatureBy] != .word(Schedule.constant.rawValue)
  }

  private let temperature: Double
  private let scales: Bool
  private let schedule: Schedule
  private let beta: Double
  private let gamma: Double
  private let shifts: Bool

  init(_ context: AdaptorContext) throws {
    let settings = context.settings
    if Self.comparesSentences(settings) { try context.requireOneClass("temperatureBy") }
    if settings.flag(Self.probabilityShift) { try context.requireOneClass("probabilityShift", allowsTokens: false) }
    temperature = settings.number(Self.temperature)
    scales = settings.flag(Self.temperatureScaling)
    schedule = settings.word(Self.temperatureBy)
    beta = settings.number(Self.beta)
    gamma = settings.number(Self.gamma)
    shifts = settings.flag(Self.probabilityShift)
  }

  /// Of one micro-batch, in its arena.
  struct Pair {
    /// z/τ. (sentences, classes), as tiles
    let student: Matrix
    let teacher: Matrix
    /// Of each sentence.
    let temperatures: [Double]
    private let scales: Bool

    fileprivate init(student: Matrix, teacher: Matrix, temperatures: [Double], scales: Bool) {
      self.student = student
      self.teacher = teacher
      self.temperatures = temperatures
      self.scales = scales
    }

    /// τ², or 1: what a sentence's loss is multiplied by.
    func factor(_ sentence: Int) -> Double { scales ? temperatures[sentence] * temperatures[sentence] : 1 }

    /// Adds up sentences' losses, each times its factor, in a way that keeps the bits of one factor for all.
    func sum(_ loss: (_ sentence: Int, _ row: Range<Int>) -> Double) -> Double {
      guard !temperatures.isEmpty else { return 0 }
      let first = factor(0)
      return first * temperatures.indices.reduce(0) { $0 + loss($1, $1..<$1 + 1) * (factor($1) / first) }
    }

    /// dZ += d/τ, sentence by sentence. Forward: x = z/τ.
    func backward(_ d: Matrix, to dLogits: Matrix) {
      for (sentence, temperature) in temperatures.enumerated() {
        let row = sentence..<sentence + 1
        add(d.rows(row), to: dLogits.rows(row), scale: Float(1 / temperature))
      }
    }
  }

  func callAsFunction(_ pair: TapPair) -> Pair {
    let student = pair.student.matrix(.logits)
    let teacher = target(pair)
    let temperatures = temperatures(student, teacher, pair.arena)
    return Pair(
      student: divided(student, temperatures, pair.arena), teacher: divided(teacher, temperatures, pair.arena),
      temperatures: temperatures, scales: scales)
  }

  /// The teacher's logits, shifted where that is asked for. (sentences, classes)
  func target(_ pair: TapPair) -> Matrix {
    let logits = pair.teacher.matrix(.logits)
    guard shifts else { return logits }
    let shifted = pair.arena.matrix(logits.rows, logits.columns)
    shifted.copy(from: logits)
    for (row, label) in pair.batch.labels.enumerated() where label >= 0 {
      let largest = Self.largest(shifted, row)
      let old = shifted[row, largest]
      shifted[row, largest] = shifted[row, Int(label)]
      shifted[row, Int(label)] = old
    }
    return shifted
  }

  /// The first class of the largest logit in a row.
  static func largest(_ logits: Matrix, _ row: Int) -> Int {
    (1..<logits.columns).reduce(0) { logits[row, $1] > logits[row, $0] ? $1 : $0 }
  }

  private func temperatures(_ student: Matrix, _ teacher: Matrix, _ arena: Arena) -> [Double] {
    let weights: [Double]
    switch schedule {
    case .constant: return [Double](repeating: temperature, count: student.rows)
    case .flsw: weights = (0..<student.rows).map { pow(max(0, 1 - cosine(student, teacher, row: $0)), gamma) }
    case .cwsm: weights = (0..<student.rows).map { 1 / (largestProbability(student, row: $0) + 1e-3) }
    }
    let mean = weights.reduce(0, +) / Double(max(1, weights.count))
    return weights.map { max(Self.lowest, temperature + beta * (mean - $0)) }
  }

  private func cosine(_ a: Matrix, _ b: Matrix, row: Int) -> Double {
    var (product, ofA, ofB) = (0.0, 0.0, 0.0)
    for column in 0..<a.columns {
      let (x, y) = (Double(a[row, column]), Double(b[row, column]))
      product += x * y
      ofA += x * x
      ofB += y * y
    }
    return product / ((ofA.squareRoot() + 1e-4) * (ofB.squareRoot() + 1e-4))
  }

  private func largestProbability(_ logits: Matrix, row: Int) -> Double {
    let largest = Double(logits[row, Self.largest(logits, row)])
    return 1 / (0..<logits.columns).reduce(0) { $0 + exp(Double(logits[row, $1]) - largest) }
  }

  private func divided(_ logits: Matrix, _ temperatures: [Double], _ arena: Arena) -> Matrix {
    let out = arena.tile(logits.rows, logits.columns)
    out.fill(0)
    for (sentence, temperature) in temperatures.enumerated() {
      let row = sentence..<sentence + 1
      add(logits.rows(row), to: out.rows(row), scale: Float(1 / temperature))
    }
    return out
  }
}
