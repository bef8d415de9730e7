import JSON

extension DatasetSource {
  func readJSONL(
    _ file: DatasetText, _ reader: TargetReader?, labelsKey: String?
  ) throws(DatasetError) -> Examples {
    var rows = try NamedRows(self, reader, areLines: true)
    if let classes { try rows.number(classes: classes, labelsKey: labelsKey) }
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
    return rows.examples
  }
}
