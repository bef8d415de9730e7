import Checkpoints
import JSON

/// `metrics.csv`: the steps and validations of a log, a row each, with an empty field where a row has no such number.
struct MetricsTable {
  private let log: MetricsLines

  init(_ log: MetricsLines) { self.log = log }

  func write(to path: String) throws {
    var columns = ["event", "stage", "step", "epoch"]
    var known = Set(columns)
    try forEachRow { row in
      for key in row.keys where known.insert(key).inserted { columns.append(key) }
    }
    var bytes = Array((columns.map(csvField).joined(separator: ",") + "\r\n").utf8)
    try forEachRow { row in
      bytes += (columns.map { row[$0].map(Self.field) ?? "" }.joined(separator: ",") + "\r\n").utf8
    }
    try writeAtomically(bytes, to: path)
  }

  private func forEachRow(_ body: (JSONObject) throws -> Void) throws {
    try log.read { event in
      guard let row = event.object, ["step", "validation"].contains(row["event"]?.string) else { return }
      try body(row)
    }
  }

  private static func field(_ value: JSON) -> String {
    switch value {
    case .null: ""
    case .string(let text): csvField(text)
    default: value.text()
    }
  }
}
