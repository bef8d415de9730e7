import Distillation
import GoldenFixtures
import JSON
import Kernels
import Testing

@testable import Training

/// Hard losses against PyTorch, and metrics against scikit-learn and scipy: `Tests/Goldens/make_task_goldens.py`.
struct TaskGoldenTests {
  static func cases(_ name: String) throws -> [JSON] {
    let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")
    return try JSON(contentsOf: "/\(root)/tasks/\(name).json").elements
  }

  static func numbers(_ json: JSON?) throws -> [Double] {
    try (json?.array ?? []).map { try GoldenFixtures.require($0.double) }
  }

  /// (rows, columns)
  static func matrix(_ json: JSON?, _ arena: Arena) throws -> Matrix {
    let rows = try (json?.array ?? []).map { try numbers($0) }
    let matrix = arena.matrix(rows.count, rows.first?.count ?? 0)
    for (row, values) in rows.enumerated() {
      for (column, value) in values.enumerated() { matrix[row, column] = Float(value) }
    }
    return matrix
  }

  static func expectClose(_ found: Matrix, _ wanted: JSON?, scale: Float = 1, _ name: String = "") throws {
    for (row, values) in (wanted?.array ?? []).enumerated() {
      for (column, value) in try numbers(values).enumerated() {
        let wanted = Float(value)
        #expect(
          abs(found[row, column] / scale - wanted) <= 2e-6 * max(1, abs(wanted)), "\(name) (\(row), \(column))")
      }
    }
  }

  @Test func regressionLosses() throws {
    for item in try Self.cases("regression_losses") {
      let arena = Arena()
      let logits = try Self.matrix(item["logits"], arena)
      let dLogits = arena.zeros(logits.rows, logits.columns)
      let targets = try (item["targets"]?.array ?? []).flatMap { try Self.numbers($0) }.map { Float($0) }
      let labels = try Self.numbers(item["labels"]).map { Int32($0) }
      let count = try #require(item["count"]?.double)
      let sum = squaredError(
        outputs: logits, labels: labels, targets: targets, dOutputs: dLogits, scale: 1 / count)
      let wanted = try #require(item["sum"]?.double)
      #expect(abs(sum - wanted) <= 1e-9 * wanted)
      try Self.expectClose(dLogits, item["gradient"])
    }
  }

  @Test func regressionMetrics() throws {
    for item in try Self.cases("regression_metrics") {
      let metrics = RegressionMetrics(
        targets: try Self.numbers(item["targets"]), predictions: try Self.numbers(item["predictions"]))
      let found = [
        ("mse", metrics.meanSquaredError), ("mae", metrics.meanAbsoluteError), ("pearson", metrics.pearson),
        ("spearman", metrics.spearman),
      ]
      for (name, value) in found {
        let wanted = try #require(item[name]?.double)
        #expect(abs(value - wanted) <= 1e-9 * max(1, abs(wanted)), "\(item["name"]?.string ?? ""): \(name) \(value)")
      }
    }
  }

  @Test("a name is one metric in one direction, whatever task has it")
  func metricNames() {
    for metric in TaskKind.all.flatMap(\.metrics) {
      #expect(TaskKind.metric(metric.key)?.mode == metric.mode && metric.name != TaskMetric.loss.name)
    }
    #expect(Set(TaskKind.all.map(\.problem)).count == TaskKind.all.count)
  }
}
