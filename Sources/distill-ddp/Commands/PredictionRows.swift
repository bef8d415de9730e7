import Glibc
import JSON
import Text
import Training

/// Predictions as they are written: JSON lines, or a table where the output is called `.csv` or `.tsv`.
struct PredictionRows {
  enum Form { case jsonLines, csv, tsv }

  let form: Form
  let labels: [String]
  /// Columns of the input that are written too.
  let kept: [String]

  init(to output: String, labels: [String], kept: [String]) {
    switch uncompressedExtension(of: output) {
    case "csv": form = .csv
    case "tsv": form = .tsv
    default: form = .jsonLines
    }
    self.labels = labels
    self.kept = kept
  }

  /// The names of a table's columns; nothing of JSON lines.
  var header: [UInt8] {
    guard form != .jsonLines else { return [] }
    return line(kept + ["label"] + labels.map { "probability_\($0)" } + labels.map { "logit_\($0)" })
  }

  /// - Parameters:
  ///   - first: the row of `examples` that the first of `rows` belongs to.
  ///   - model: what errors call it.
  func bytes(
    _ rows: [[Float]], from first: Int, of examples: Examples, model: String
  ) throws(CommandError) -> [UInt8] {
    var out: [UInt8] = []
    let labelTexts = labels.map { JSON.string($0).text() }
    let keptTexts = kept.map { JSON.string($0).text() }
    for (index, logits) in rows.enumerated() {
      let row = first + index
      if let wrong = logits.first(where: { !$0.isFinite }) {
        throw CommandError(
          "\(model.escapedForDisplay): row \(row + 1): expected finite logits, found \(wrong); the model's weights are "
            + "damaged, so copy it again or take an earlier checkpoint")
      }
      let probabilities = softmax(logits)
      let best = logits.indexOfLargest
      let values = kept.isEmpty ? [] : examples.kept[row]
      guard form == .jsonLines else {
        let numbers = probabilities.map(\.description) + logits.map(\.description)
        out += line(values.map { $0.string ?? $0.text() } + [labels[best]] + numbers)
        continue
      }
      out += "{".utf8
      for (name, value) in zip(keptTexts, values) { out += "\(name):\(value.text()),".utf8 }
      out += "\"label\":\(labelTexts[best]),\"logits\":\(list(logits)),\"probabilities\":\(list(probabilities)),".utf8
      out += "\"hash\":\"\(examples[row].hash)\"}\n".utf8
    }
    return out
  }

  private func line(_ fields: [String]) -> [UInt8] {
    guard form == .tsv else { return Array((fields.map(csvField).joined(separator: ",") + "\n").utf8) }
    // Its fields cannot be quoted.
    let plain = fields.map { String($0.map { $0.isNewline || $0 == "\t" ? " " : $0 }) }
    return Array((plain.joined(separator: "\t") + "\n").utf8)
  }

  /// The fewest digits that read back as the same numbers.
  private func list(_ values: [some BinaryFloatingPoint & CustomStringConvertible]) -> String {
    "[\(values.map(\.description).joined(separator: ","))]"
  }

  private func softmax(_ logits: [Float]) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    let exponentials = logits.map { exp(Double($0) - largest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum }
  }
}
