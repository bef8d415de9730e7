/// A picture of what a model said of rows that have labels, for a report. Those of two models with one title are drawn
/// together.
package struct TaskChart: Sendable {
  package enum Form: Sendable {
    case line
    /// A dot a row; on the diagonal both numbers are the same.
    case dots(hasDiagonal: Bool)
  }

  package let title: String
  /// What the axes are of.
  package let xTitle: String
  package let yTitle: String
  package let form: Form
  package let points: [(x: Double, y: Double)]

  /// More points than this add nothing that can be seen.
  private static let mostPoints = 400

  init(_ title: String, x: String, y: String, _ form: Form, _ points: [(x: Double, y: Double)]) {
    (self.title, xTitle, yTitle, self.form) = (title, x, y, form)
    let finite = points.filter { $0.x.isFinite && $0.y.isFinite }
    let step = Double(max(finite.count, 2) - 1) / Double(Self.mostPoints - 1)
    self.points = step <= 1 ? finite : (0..<Self.mostPoints).map { finite[Int((Double($0) * step).rounded())] }
  }

  /// - Parameters:
  ///   - targets: what each row is labelled with. (rows)
  ///   - answers: what the model says of it. (rows)
  static func ofRows(
    _ title: String, x: String, y: String, targets: [Double], answers: [Double], hasDiagonal: Bool
  ) -> TaskChart {
    TaskChart(title, x: x, y: y, .dots(hasDiagonal: hasDiagonal), Array(zip(targets, answers)).map { ($0, $1) })
  }
}
