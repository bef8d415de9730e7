import Columnar
import Glibc
import JSON

extension DatasetSource {
  /// The classes that a file itself names, in the order of their numbers; `nil` where it names none, or cannot be read.
  package func ownClasses() -> [String]? {
    if let classes { return classes }
    guard case .columns(let format) = format, let file = try? files().first,
      let columns = try? file.columnFile(format), case .name(let label)? = labelColumn
    else { return nil }
    let names = columns.columns.contains(label) ? [label] : ["tags", "ner_tags"]
    return names.lazy.compactMap { columns.classes(of: $0) }.first
  }

  fileprivate func columnFile(_ format: ColumnFile.Format) throws(ColumnarError) -> ColumnFile {
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

/// Reads Parquet, or what Arrow writes, as many rows at a time as the file has together.
struct ColumnRows {
  private let source: DatasetSource
  private var file: ColumnFile
  private var rows: NamedRows
  private let keys: [String]
  private var count = 0

  init(
    _ source: DatasetSource, _ format: ColumnFile.Format, _ reader: TargetReader?, labelsKey: String?
  ) throws(DatasetError) {
    self.source = source
    var rows = try NamedRows(source, reader, areLines: false)
    do throws(ColumnarError) {
      file = try source.columnFile(format)
    } catch {
      throw DatasetError(source.path, "\(error)")
    }
    let columns = file.columns
    rows.settle { columns.contains($0) }
    for (key, isLabel) in rows.keys where !columns.contains(key) {
      let shown = columns.prefix(20).map(\.quoted).joined(separator: ", ") + (columns.count > 20 ? ", …" : "")
      throw DatasetError(
        source.path, "column \(key.quoted): expected once among the columns, found \(shown)", isOfLabel: isLabel)
    }
    if let label = rows.labelKey, let own = source.classes ?? file.classes(of: label) {
      try rows.number(classes: own, labelsKey: labelsKey)
    }
    keys = rows.keys.map(\.name)
    self.rows = rows
  }

  /// - Returns: `false` at the end.
  mutating func readBatch() throws(DatasetError) -> Bool {
    let batch: [[JSON]]?
    do throws(ColumnarError) {
      batch = try file.next(keys)
    } catch {
      throw DatasetError(source.path, "\(error)")
    }
    guard let batch else { return false }
    for index in 0..<(batch.first?.count ?? 0) {
      count += 1
      try rows.append(count, names: file.columns) { [keys] key in keys.firstIndex(of: key).map { batch[$0][index] } }
    }
    return true
  }

  /// The rows that were read since this was last asked for.
  mutating func taken() -> Examples { rows.taken() }
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
