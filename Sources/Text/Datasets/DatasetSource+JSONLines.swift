import JSON

extension DatasetSource {
  /// - Parameter rows: what the lines before these have said, to which the rows of these are added.
  func readJSONL(_ file: DatasetText, into rows: inout NamedRows) throws(DatasetError) {
    try file.forEachLine(of: file.bytes) { line, bytes throws(DatasetError) in
      guard !bytes.isBlank else { return }
      let row: JSON
      do throws(JSONError) {
        row = try JSON.parse(Array(bytes))
      } catch {
        throw DatasetError(
          path, line: line, error.location.map { "column \($0.column): \(error.reason)" } ?? error.reason)
      }
      guard let members = row.object else {
        let isList = line == 1 && (row.array != nil || bytes.first == UInt8(ascii: "["))
        throw DatasetError(
          path, line: line,
          "expected an object, found \(row.summary)" + (isList ? "; write one object a line, without the list" : ""))
      }
      rows.settle { members[$0] != nil }
      try rows.append(line, names: Array(members.keys)) { members[$0] }
    }
  }
}
