import JSON
import Text
import Training

/// Predictions as they are written: JSON lines, or a table where the output is called `.csv` or `.tsv`.
struct PredictionRows {
  enum Form { case jsonLines, csv, tsv }

  let form: Form
  let task: TaskSettings
  let labels: [String]
  /// Columns of the input that are written too.
  let kept: [String]

  init(to output: String, task: TaskSettings, labels: [String], kept: [String]) {
    switch uncompressedExtension(of: output) {
    case "csv": form = .csv
    case "tsv": form = .tsv
    default: form = .jsonLines
    }
    self.task = task
    self.labels = labels
    self.kept = kept
  }

  /// The names of a table's columns; nothing of JSON lines.
  var header: [UInt8] {
    guard form != .jsonLines else { return [] }
    let fields = AnsweredRow(task, outputs: labels, logits: [Float](repeating: 0, count: labels.count)).tableFields
    let columns = fields.flatMap { field in
      if case .numbers = field.value { labels.map { "\(field.column)_\($0)" } } else { [field.column] }
    }
    return line(kept + columns)
  }

  /// - Parameters:
  ///   - dataset: the tokens of these rows.
  ///   - first: the row of `examples` that the first of `rows` belongs to.
  ///   - model: what errors call it.
  func bytes(
    _ rows: [[Float]], of dataset: TokenizedDataset, from first: Int, in examples: Examples, model: String
  ) throws(CommandError) -> [UInt8] {
    var out: [UInt8] = []
    let keptTexts = kept.map { JSON.string($0).text() }
    for (index, logits) in rows.enumerated() {
      let row = first + index
      if let wrong = logits.first(where: { !$0.isFinite }) {
        throw CommandError(
          "\(model.escapedForDisplay): row \(row + 1): expected finite logits, found \(wrong); the model's weights are "
            + "damaged, so copy it again or take an earlier checkpoint")
      }
      let words = examples.areOfWords ? AnsweredWords(row, of: examples, index, of: dataset) : nil
      let answer = AnsweredRow(task, outputs: labels, logits: logits, words: words)
      let values = kept.isEmpty ? [] : examples.kept[row]
      guard form == .jsonLines else {
        let cells = answer.tableFields.flatMap { field in
          switch field.value {
          case .json(let value): [value.string ?? value.text()]
          case .names(let names): [names.joined(separator: ",")]
          case .numbers(let numbers): numbers
          }
        }
        out += line(values.map { $0.string ?? $0.text() } + cells)
        continue
      }
      out += "{".utf8
      for (name, value) in zip(keptTexts, values) { out += "\(name):\(value.text()),".utf8 }
      for field in answer.fields {
        switch field.value {
        case .json(let value): out += "\"\(field.name)\":\(value.text()),".utf8
        case .names(let names):
          out += "\"\(field.name)\":\(JSON.array(names.map(JSON.string)).text()),".utf8
        case .numbers(let numbers): out += "\"\(field.name)\":[\(numbers.joined(separator: ","))],".utf8
        }
      }
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
}
