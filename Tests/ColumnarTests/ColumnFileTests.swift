import Columnar
import Foundation
import JSON
import Testing

/// Files that pyarrow and polars wrote (`Tests/Goldens/make_columnar_fixtures.py`), each holding the rows of `rows.jsonl`.
@Suite struct ColumnFileTests {
  private static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
  private static let names = [
    "text", "text_pair", "label", "small", "unsigned", "score", "double", "flag", "words", "tags",
  ]
  private static let parquet = try? names(of: "parquet").filter { !["classes", "others", "empty"].contains($0) }
  private static let arrow = try? names(of: "arrow").filter {
    !["classes", "others", "empty", "long-lz4"].contains($0)
  }

  private static func names(of suffix: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".\(suffix)") }.sorted()
      .map { String($0.dropLast(suffix.count + 1)) }
  }

  private func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: Self.directory.appending(path: name)))
  }

  private func rows(
    _ bytes: [UInt8], _ format: ColumnFile.Format, _ names: [String] = ColumnFileTests.names
  ) throws(ColumnarError) -> [[JSON]] {
    var file = try ColumnFile(FileBytes(bytes), format)
    var rows: [[JSON]] = []
    while let columns = try file.next(names) {
      for row in 0..<(columns.first?.count ?? 0) { rows.append(columns.map { $0[row] }) }
    }
    return rows
  }

  private func expected() throws -> [[JSON]] {
    try bytes("rows.jsonl").split(separator: UInt8(ascii: "\n")).map { line in
      let row = try JSON.parse(Array(line))
      return Self.names.map { row[$0] ?? .null }
    }
  }

  private func failure(_ bytes: [UInt8], _ format: ColumnFile.Format, _ names: [String]) -> String? {
    do throws(ColumnarError) {
      _ = try rows(bytes, format, names)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func thereAreFixtures() { #expect((Self.parquet ?? []).count >= 18 && (Self.arrow ?? []).count >= 7) }

  @Test(arguments: parquet ?? [])
  func parquetHasItsRows(name: String) throws { try expectRows("\(name).parquet", .parquet) }

  @Test(arguments: arrow ?? [])
  func arrowHasItsRows(name: String) throws { try expectRows("\(name).arrow", .arrow) }

  private func expectRows(_ name: String, _ format: ColumnFile.Format) throws {
    let (found, expected) = (try rows(bytes(name), format), try expected())
    try #require(found.count == expected.count)
    for (row, (own, other)) in zip(found, expected).enumerated() {
      for (column, (a, b)) in zip(Self.names, zip(own, other)) {
        #expect(a == b || a.double != nil && a.double == b.double, "\(column), row \(row)")
      }
    }
    // A file on disk is read in parts, and columns in any order.
    var file = try ColumnFile(FileBytes(path: Self.directory.appending(path: name).path), format)
    #expect(file.columns == Self.names)
    #expect(try file.next(["label", "text"])?.map(\.first) == [expected[0][2], expected[0][0]])
  }

  @Test(arguments: [("parquet", ColumnFile.Format.parquet), ("arrow", .arrow)])
  func classesAreInTheMetadata(suffix: String, format: ColumnFile.Format) throws {
    let file = try ColumnFile(FileBytes(bytes("classes.\(suffix)")), format)
    #expect(file.metadata["huggingface"]?.contains("\"so so\"") == true)
    #expect(try rows(bytes("empty.\(suffix)"), format).isEmpty)
  }

  @Test(arguments: [("parquet", ColumnFile.Format.parquet), ("arrow", .arrow)])
  func whatIsNotReadIsNamed(suffix: String, format: ColumnFile.Format) throws {
    let others = try bytes("others.\(suffix)")
    #expect(try rows(others, format, ["text"]) == [["a"]])
    for column in ["struct", "fixed", "nested", "map"] {
      let problem = failure(others, format, [column]) ?? ""
      #expect(
        problem.hasPrefix("\(column): expected strings, whole numbers, floats, Booleans or lists of them"), "\(problem)"
      )
    }
    #expect(failure(others, format, ["nowhere"]) == "nowhere: expected one column of this name, found 0")
    #expect(
      failure(Array("text,label\nnothing of the kind,1\n".utf8), format, [])?.contains("found something else") == true)
    #expect(failure([], format, [])?.contains("expected") == true)
  }

  /// Copies go back to the blocks before.
  @Test func framesOfSeveralBlocks() throws {
    let rows = try rows(try bytes("long-lz4.arrow"), .arrow, ["text"])
    #expect(rows.count == 6_000)
    #expect(rows.indices.allSatisfy { rows[$0] == [.string("row \($0 % 7) of several")] })
  }

  /// Whatever is cut off or changed is an error, or other rows; nothing traps or takes memory without end.
  @Test(arguments: [
    ("none-v1.parquet", ColumnFile.Format.parquet), ("pages-v2.parquet", .parquet), ("delta.parquet", .parquet),
    ("snappy-v1.parquet", .parquet), ("lz4-v2.parquet", .parquet), ("polars.parquet", .parquet),
    ("stream.arrow", .arrow),
    ("views.arrow", .arrow), ("categories.arrow", .arrow), ("stream-zstd.arrow", .arrow), ("stream-lz4.arrow", .arrow),
    ("feather.arrow", .arrow),
  ])
  func damageIsAnError(name: String, format: ColumnFile.Format) throws {
    let original = try bytes(name)
    var random = Seeded(state: 1)
    for length in stride(from: 0, to: original.count, by: max(1, original.count / 60)) {
      let problem = failure(Array(original[..<length]), format, Self.names)
      #expect(problem?.isEmpty == false || format == .arrow)
    }
    var failures = 0
    for _ in 0..<300 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if failure(bytes, format, Self.names) != nil { failures += 1 }
    }
    #expect(failures > 0)
  }
}

/// Knuth's MMIX generator: the same numbers each time.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 33)
  }
}
