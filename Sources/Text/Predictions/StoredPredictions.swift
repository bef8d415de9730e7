import JSON

/// What a model said of texts, as a file holds it: a row a text. `distill-ddp predict` writes such files.
package struct StoredPredictions: Sendable {
  package enum Kind: String, Sendable {
    case logits
    case probabilities
    /// Classes alone.
    case labels
  }

  /// Which text a row is of.
  package enum Key: Sendable, Equatable {
    case text(String, pair: String?)
    /// SHA-256 of the text in hexadecimal digits.
    case hash(String)
  }

  package private(set) var kind: Kind
  package let classes: Int
  /// Logits, or probabilities; of a label 1 for its class and 0 for the others. (rows, classes)
  package private(set) var values: [Float] = []
  /// One a row, or none where rows go by their place. (rows)
  package private(set) var keys: [Key] = []

  package var count: Int { values.count / max(1, classes) }

  /// Reads JSON lines, or a CSV file by the ending of its name.
  /// - Parameter labels: the classes in the order of their ids.
  package init(path: String, labels: [String]) throws(DatasetError) {
    classes = labels.count
    kind = .logits
    let file = try DatasetText(path: path)
    let name = path.hasSuffix(".gz") ? path.dropLast(3) : path[...]
    if name.hasSuffix(".csv") {
      try readCSV(file, labels)
    } else {
      try readJSONLines(file, labels)
    }
    guard count > 0 else { throw DatasetError(path, "expected at least one prediction, found none") }
  }

  /// Rows that go by their place.
  package init(kind: Kind, classes: Int, values: [Float]) {
    precondition(classes > 0 && values.count % classes == 0)
    (self.kind, self.classes, self.values) = (kind, classes, values)
  }

  private mutating func append(
    _ row: [Float], kind rowKind: Kind, key: Key?, at line: Int, of path: String
  ) throws(DatasetError) {
    guard row.count == classes else {
      throw DatasetError(
        path, line: line,
        "\(rowKind.rawValue): expected \(classes) numbers, one for each class of the student, found \(row.count)")
    }
    if values.isEmpty { kind = rowKind }
    guard rowKind == kind else {
      throw DatasetError(path, line: line, "expected \(kind.rawValue) as in the rows before, found \(rowKind.rawValue)")
    }
    for value in row where !value.isFinite {
      throw DatasetError(path, line: line, "\(kind.rawValue): expected finite numbers, found \(value)")
    }
    if kind == .probabilities {
      let sum = row.reduce(0, +)
      guard row.allSatisfy({ (0...1).contains($0) }), abs(sum - 1) <= 0.01 else {
        throw DatasetError(
          path, line: line, "probabilities: expected numbers from 0 to 1 whose sum is 1, found \(row) of sum \(sum)")
      }
    }
    if let key { keys.append(key) }
    values += row
    guard keys.isEmpty || keys.count == count else {
      throw DatasetError(
        path, line: line, "expected a text or hash in every row or in none; without them, rows go by their place")
    }
  }

  /// A label as a row.
  private func row(ofLabel id: Int32) -> [Float] { (0..<classes).map { $0 == Int(id) ? 1 : 0 } }

  // MARK: JSON lines

  private mutating func readJSONLines(_ file: DatasetText, _ labels: [String]) throws(DatasetError) {
    let names = ClassLabels(names: labels)
    let path = file.path
    try file.forEachLine(of: file.bytes) { line, bytes throws(DatasetError) in
      guard !bytes.isBlank else { return }
      let json: JSON
      do throws(JSONError) {
        json = try JSON.parse(Array(bytes))
      } catch {
        throw DatasetError(path, line: line, error.reason)
      }
      var key: Key?
      if let hash = json["hash"]?.string {
        key = .hash(hash)
      } else if let text = json["text"]?.string {
        key = .text(text, pair: json["pair"]?.string)
      }
      for kind in [Kind.logits, .probabilities] {
        guard let numbers = json[kind.rawValue]?.array else { continue }
        var row: [Float] = []
        for number in numbers {
          guard let value = number.double else {
            throw DatasetError(path, line: line, "\(kind.rawValue): expected numbers, found \(number.summary)")
          }
          row.append(Float(value))
        }
        try checkOrder(json, row, names, at: line, of: path)
        return try append(row, kind: kind, key: key, at: line, of: path)
      }
      guard let label = json["label"] else {
        throw DatasetError(path, line: line, "expected logits, probabilities or label, found none of them")
      }
      do {
        try append(row(ofLabel: names.id(of: label)), kind: .labels, key: key, at: line, of: path)
      } catch let error as DatasetError {
        throw error
      } catch {
        throw DatasetError(path, line: line, "label: \(error)")
      }
    }
  }

  /// What `predict` writes has the name of the class whose number is the largest: other names, or the same elsewhere, are
  /// those of a model with other classes.
  private func checkOrder(
    _ json: JSON, _ row: [Float], _ names: ClassLabels, at line: Int, of path: String
  ) throws(DatasetError) {
    guard json["hash"] != nil, json["probabilities"] != nil, let label = json["label"]?.string,
      row.count == classes, let most = row.max(), let largest = row.firstIndex(of: most),
      !ClassMatch.areUnnamed(names.names), label.lowercased() != "label_\(largest)", label != "\(largest)"
    else { return }
    guard let id = try? names.id(of: label), row.indices.contains(Int(id)), row[Int(id)] == most else {
      throw DatasetError(
        path, line: line,
        "label: expected \(names.names[largest].quoted), whose number is the largest, found \(label.quoted): the model "
          + "that said so has other classes, or in another order; name the same in task.labels, or predict into a .csv "
          + "file, whose columns have the classes' names")
    }
  }

  // MARK: CSV

  private mutating func readCSV(_ file: DatasetText, _ labels: [String]) throws(DatasetError) {
    let names = ClassLabels(names: labels)
    let path = file.path
    var records = CSVRecords(file, separator: UInt8(ascii: ","))
    guard let header = try records.next()?.map(\.text) else {
      throw DatasetError(path, "expected a header, found an empty file")
    }
    func columns(_ kind: String) -> [Int] {
      labels.indices.compactMap { id in
        header.firstIndex { $0 == "\(kind)_\(labels[id])" } ?? header.firstIndex { $0 == "\(kind)_\(id)" }
      }
    }
    let (logits, probabilities, label) = (columns("logit"), columns("probability"), header.firstIndex(of: "label"))
    let (text, pair, hash) = (
      header.firstIndex(of: "text"), header.firstIndex(of: "pair"), header.firstIndex(of: "hash")
    )
    guard [logits.count, probabilities.count].contains(classes) || label != nil else {
      throw DatasetError(
        path, line: 1,
        "expected a column logit_CLASS or probability_CLASS for each of \(labels.joined(separator: ", ")), or label, found "
          + header.prefix(20).joined(separator: ", "))
    }
    while let record = try records.next() {
      let line = records.line
      guard record.count == header.count else {
        throw DatasetError(path, line: line, "expected \(header.count) fields, found \(record.count)")
      }
      func numbers(_ columns: [Int]) throws(DatasetError) -> [Float] {
        var row: [Float] = []
        for column in columns {
          guard let value = Float(record[column].text) else {
            throw DatasetError(
              path, line: line, "\(header[column]): expected a number, found \(record[column].text.quoted)")
          }
          row.append(value)
        }
        return row
      }
      let key: Key? =
        hash.map { .hash(record[$0].text) }
        ?? text.map { text in .text(record[text].text, pair: pair.map { record[$0].text }) }
      if logits.count == classes {
        try append(numbers(logits), kind: .logits, key: key, at: line, of: path)
      } else if probabilities.count == classes {
        try append(numbers(probabilities), kind: .probabilities, key: key, at: line, of: path)
      } else if let label {
        let id: Int32
        do {
          id = try names.id(of: record[label].text)
        } catch {
          throw DatasetError(path, line: line, "label: \(error)")
        }
        try append(row(ofLabel: id), kind: .labels, key: key, at: line, of: path)
      }
    }
  }
}
