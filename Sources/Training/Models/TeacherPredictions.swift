import Checkpoints
import Glibc
import JSON
import Kernels
import Text

/// A teacher's answers from files, matched to the rows of a run by their texts or by their place.
struct TeacherPredictions: Sendable {
  let kind: StoredPredictions.Kind
  let classes: Int
  /// (rows, classes)
  private let logits: [Float]
  /// Where texts are known: the row of each.
  private let rowOfText: [SHA256: Int]?
  private let paths: String
  private var count: Int { logits.count / classes }

  /// Rows of the run, in order.
  struct Part {
    /// What to call them in errors.
    let name: String
    let hashes: [SHA256]
  }

  /// - Parameters:
  ///   - paths: `.jsonl`, `.csv` and `.safetensors` files, of which rows follow one another.
  ///   - labels: the student's classes, in order.
  init(paths: [String], labels: [String]) throws {
    self.paths = paths.joined(separator: ", ")
    classes = labels.count
    let files = try paths.map { path in
      try path.hasSuffix(".safetensors")
        ? Self.safetensors(path, classes: labels.count) : StoredPredictions(path: path, labels: labels)
    }
    guard let first = files.first else {
      throw ModelError("teacher.predictions: expected at least one file, found none")
    }
    for (path, file) in zip(paths, files) {
      guard file.kind == first.kind, file.keys.isEmpty == first.keys.isEmpty else {
        throw ModelError(
          "\(path): expected \(first.kind.rawValue)\(first.keys.isEmpty ? " by place" : " with texts"), as \(paths[0]) has, "
            + "found \(file.kind.rawValue)\(file.keys.isEmpty ? " by place" : " with texts")")
      }
    }
    kind = first.kind
    logits = files.flatMap { file in file.values.map { Self.logit($0, of: file.kind) } }
    guard !first.keys.isEmpty else {
      rowOfText = nil
      return
    }
    var rows: [SHA256: Int] = [:]
    var row = 0
    for (path, file) in zip(paths, files) {
      for key in file.keys {
        let hash = try Self.hash(key, path: path)
        if rows[hash] == nil { rows[hash] = row }
        row += 1
      }
    }
    rowOfText = rows
  }

  /// A logarithm of a probability is a logit. One of 0 has none: e⁻³⁰ stands for it.
  private static func logit(_ value: Float, of kind: StoredPredictions.Kind) -> Float {
    kind == .logits ? value : max(log(value), -30)
  }

  private static func safetensors(_ path: String, classes: Int) throws -> StoredPredictions {
    let file = try SafetensorsFile(path)
    for kind in [StoredPredictions.Kind.logits, .probabilities] {
      guard let tensor = file.tensors.first(where: { $0.name == kind.rawValue }) else { continue }
      guard tensor.shape.count == 2, tensor.shape[1] == classes, tensor.shape[0] > 0 else {
        throw ModelError(
          "\(path): \(tensor.name): expected the shape [rows, \(classes)], the student's classes, found \(tensor.shape)"
        )
      }
      var values = [Float](repeating: 0, count: tensor.count)
      try values.withUnsafeMutableBufferPointer { try file.read(tensor, into: $0) }
      if let index = values.firstIndex(where: { !$0.isFinite || kind == .probabilities && !(0...1).contains($0) }) {
        throw ModelError(
          "\(path): \(tensor.name): row \(index / classes + 1): expected \(kind.rawValue), found \(values[index])")
      }
      return StoredPredictions(kind: kind, classes: classes, values: values)
    }
    throw ModelError("\(path): expected a tensor called logits or probabilities, found neither")
  }

  private static func hash(_ key: StoredPredictions.Key, path: String) throws -> SHA256 {
    switch key {
    case .text(let text, let pair): return SHA256(ofText: text, pair: pair)
    case .hash(let digits):
      guard let hash = SHA256(hexadecimal: digits) else {
        throw ModelError("\(path): hash: expected 64 hexadecimal digits, found \(digits.quoted)")
      }
      return hash
    }
  }

  /// The logits of the run's rows.
  /// - Throws: where a row has none, or rows by their place are not as many.
  func logits(of parts: [Part]) throws -> [[Float]] {
    let total = parts.reduce(0) { $0 + $1.hashes.count }
    guard let rowOfText else {
      guard count == total else {
        let wanted = parts.map { "\($0.hashes.count) of \($0.name)" }.joined(separator: ", then ")
        throw ModelError(
          "\(paths): expected \(total) rows (\(wanted)), found \(count); predict the same files in that order, or give "
            + "each row its text or hash")
      }
      var start = 0
      return parts.map { part in
        defer { start += part.hashes.count * classes }
        return Array(logits[start..<start + part.hashes.count * classes])
      }
    }
    let missing = parts.flatMap { part in
      part.hashes.indices.filter { rowOfText[part.hashes[$0]] == nil }.map { (part.name, $0 + 1) }
    }
    if let (name, row) = missing.first {
      throw ModelError(
        "\(paths): expected a prediction for each of \(total) rows, found none for \(missing.count) of them, the first row "
          + "\(row) of \(name); predict these too, and name both files")
    }
    return parts.map { part in
      part.hashes.flatMap { hash in
        let row = rowOfText[hash] ?? 0
        return logits[row * classes..<(row + 1) * classes]
      }
    }
  }

  /// Of all logits, which a resumed run must find unchanged.
  static func digest(_ logits: [Float]) -> SHA256 { logits.withUnsafeBytes { SHA256(of: $0) } }
}

extension Example {
  /// By which predictions find it.
  package var hash: SHA256 { SHA256(ofText: text, pair: pair) }
}

extension SHA256 {
  /// Of a text; of a pair, of both with a byte 0 between them.
  init(ofText text: String, pair: String?) {
    self.init(of: Array(text.utf8) + (pair.map { [0] + Array($0.utf8) } ?? []))
  }
}
