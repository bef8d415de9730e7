import Encoders
import Kernels
import Text

/// `MarginMSE`: Σ ((s_S⁺ − s_S⁻) − (s_T⁺ − s_T⁻))² over every two texts of a query in the global batch of which one has the
/// higher label, s a model's logit for query and text (Hofstätter et al., 2020).
struct MarginError: Adaptor {
  static let kind = AdaptorKind(
    "MarginMSE",
    learns: "by how much the teacher prefers one text of a query to another, of each two whose labels differ",
    options: [], trainsHead: true, comparesGroups: true, compared: { _ in "margins of logits" },
    make: { context in
      guard context.student.problem == .pairs else {
        throw AdaptorError(
          context.name,
          "compares texts of a query, and the task is \(context.student.problem.rawValue); set task.kind: pairs, or use "
            + "LogitMSE")
      }
      return MarginError(name: context.name, comparedWidth: try context.requireEqualClasses())
    })

  let name: String
  let comparedWidth: Int?

  let pairs: [LayerPair] = []
  let studentTaps: TapSelection = [.logits]
  let teacherTaps: TapSelection = [.logits]

  func count(_ counts: GlobalCounts) -> Double { Double(max(1, counts.margins)) }

  /// The sum over the margins whose better text is one of the micro-batch's.
  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let all = pair.compared
    guard let teacher = all.teacher else { preconditionFailure("the teacher's logits were not asked for") }
    var places: [Int32: [Int]] = [:]
    for place in 0..<all.batch.sentences where all.batch.labels[place] >= 0 && all.batch.groups[place] >= 0 {
      places[all.batch.groups[place], default: []].append(place)
    }
    var total = 0.0
    for (row, place) in all.own.enumerated() where all.batch.labels[place] >= 0 {
      let label = all.batch.values[place]
      var slope = 0.0
      for other in places[all.batch.groups[place]] ?? [] where all.batch.values[other] != label {
        let difference =
          Double(all.student[place, 0]) - Double(all.student[other, 0])
          - (Double(teacher[place, 0]) - Double(teacher[other, 0]))
        // Of both texts one is the better, with which the margin is counted; either has its gradient.
        if label > all.batch.values[other] { total += difference * difference }
        slope += 2 * difference
      }
      if let dLogits { dLogits[row, 0] += Float(scale * slope) }
    }
    return total
  }
}

extension GlobalCounts {
  /// How many margins there are: pairs of rows of a group whose labels differ.
  package static func margins(_ rows: some Sequence<(group: Int32, label: Float)>) -> Int {
    var groups: [Int32: [Float: Int]] = [:]
    for row in rows { groups[row.group, default: [:]][row.label, default: 0] += 1 }
    return groups.values.reduce(0) { sum, labels in
      let count = labels.values.reduce(0, +)
      return sum + (count * count - labels.values.reduce(0) { $0 + $1 * $1 }) / 2
    }
  }
}
