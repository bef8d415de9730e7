import Columnar
import Glibc
import JSON

extension DatasetSource {
  /// Reads Parquet, or what Arrow writes.
  func readColumns(
    _ format: ColumnFile.Format, _ reader: TargetReader?, labelsKey: String?
  ) throws(DatasetError) -> Examples {
    var rows = try NamedRows(self, reader, areLines: false)
    do {
      var file = try columnFile(format)
      let columns = file.columns
      rows.settle { columns.contains($0) }
      for (key, isLabel) in rows.keys where !columns.contains(key) {
        let shown = columns.prefix(20).map(\.quoted).joined(separator: ", ") + (columns.count > 20 ? ", …" : "")
        throw DatasetError(
          path, "column \(key.quoted): expected once among the columns, found \(shown)", isOfLabel: isLabel)
      }
      if let label = rows.labelKey, let own = classes ?? file.classes(of: label) {
        try rows.number(classes: own, labelsKey: labelsKey)
      }
      let keys = rows.keys.map(\.name)
      var row = 0
      while let batch = try file.next(keys) {
        for index in 0..<(batch.first?.count ?? 0) {
          row += 1
          try rows.append(row, names: columns) { key in keys.firstIndex(of: key).map { batch[$0][index] } }
        }
      }
      return rows.examples
    } catch let error as ColumnarError {
      throw DatasetError(path, "\(error)")
    } catch let error as DatasetError {
      throw error
    } catch {
      throw DatasetError(path, "\(error)")
    }
  }

  /// The classes that a file itself names, in the order of their numbers; `nil` where it names none, or cannot be read.
  package func ownClasses() -> [String]? {
    if let classes { return classes }
    guard case .columns(let format) = format, let file = try? files().first,
      let columns = try? file.columnFile(format), case .name(let label)? = labelColumn
    else { return nil }
    let names = columns.columns.contains(label) ? [label] : ["tags", "ner_tags"]
    return names.lazy.compactMap { columns.classes(of: $0) }.first
  }

  private func columnFile(_ format: ColumnFile.Format) throws(ColumnarError) -> ColumnFile {
    if let contents { return try ColumnFile(FileBytes(contents), format) }
    return try ColumnFile(FileBytes(path: path), format)
  }

  /// The parts of what `datasets` saved to a directory, in their order.
  static func parts(ofSaved directory: String) throws(DatasetError) -> [String] {
    var status = stat()
    guard stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [directory] }
    func names(_ file: String, _ key: String) -> [JSON]? {
      (try? RegularFile.contents("\(directory)/\(file)", limit: 16 << 20)).flatMap { try? JSON.parse($0) }?[key]?.array
    }
    if let splits = names("dataset_dict.json", "splits") {
      let shown = splits.compactMap(\.string).map { "\(directory)/\($0)" }.joined(separator: ", ")
      throw DatasetError(directory, "expected one split of a data set, found several; name one of them: \(shown)")
    }
    let parts = names("state.json", "_data_files")?.compactMap { $0["filename"]?.string } ?? []
    guard !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty && !$0.contains("/") }) else {
      throw DatasetError(
        directory, "expected what save_to_disk of datasets writes, with state.json, found none; name the files in it")
    }
    return parts.map { "\(directory)/\($0)" }
  }
}

extension ColumnFile {
  /// What a column's numbers stand for, where `datasets` noted it.
  fileprivate func classes(of column: String) -> [String]? {
    guard let noted = metadata["huggingface"], let json = try? JSON.parse(Array(noted.utf8)) else { return nil }
    return DatasetFeatures.classes(of: json["info"]?["features"]?[column])
  }
}

/// How `datasets` describes columns.
enum DatasetFeatures {
  /// The names of a column of classes, or of lists of them.
  static func classes(of feature: JSON?) -> [String]? {
    guard let feature else { return nil }
    if let names = feature["names"]?.array {
      let names = names.compactMap(\.string)
      return names.isEmpty ? nil : names
    }
    return classes(of: feature["feature"] ?? feature.array?.first)
  }
}
