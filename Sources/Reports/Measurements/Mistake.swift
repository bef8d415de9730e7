import Text
import Training

/// A validation row that the student takes for another class than it is.
struct Mistake: Sendable {
  let row: Int
  let text: String
  let label: String
  let predicted: String
  /// What the student gives its answer.
  let probability: Double
  /// What the teacher takes it for.
  let teacher: String?

  /// As many as a page needs, those the student is surest of first.
  static let mostShown = 20

  /// - Returns: the mistakes to show, and how many there are.
  static func of(
    _ student: MeasuredModel, teacher: MeasuredModel?, _ examples: Examples
  ) -> (shown: [Mistake], count: Int) {
    guard let quality = student.quality?.classes, quality.answers.count == examples.count else { return ([], 0) }
    let wrong = quality.answers.indices.filter { quality.answers[$0].label != quality.labels[$0] }
    let surest = wrong.sorted {
      (-quality.answers[$0].probability, $0) < (-quality.answers[$1].probability, $1)
    }
    let shown = surest.prefix(mostShown).map { row -> Mistake in
      let example = examples[row]
      let answer = quality.answers[row]
      let other = teacher?.quality?.classes.map { $0.answers[row].label }
      return Mistake(
        row: row + 1, text: example.pair.map { "\(example.text) ‖ \($0)" } ?? example.text,
        label: student.labels[quality.labels[row]], predicted: student.labels[answer.label],
        probability: answer.probability, teacher: other.flatMap { teacher?.labels[$0] })
    }
    return (shown, wrong.count)
  }
}
