import Columnar
import Text

extension FuzzTarget {
  private static let fixtures = "Tests/ColumnarTests/Fixtures"

  /// Parquet in each of its encodings and compressions.
  static func parquet(in workspace: Workspace) -> FuzzTarget {
    /// A file that is its footer alone.
    func footer(_ bytes: [UInt8]) -> [UInt8] {
      let length = UInt32(bytes.count)
      return Array("PAR1".utf8) + bytes + (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) }
        + Array("PAR1".utf8)
    }
    return columns(
      "parquet", .parquet,
      seeds: [
        "none-v1", "none-v2", "plain", "pages", "pages-v2", "delta", "snappy-v1", "gzip-v2", "lz4-v1", "zstd-v2",
        "polars",
        "legacy-lists", "classes",
      ].map { "\($0).parquet" },
      bombs: [
        { footer(.repeating("\u{19}", 1 << 20)) }, { footer(.repeating("\u{1c}", 1 << 20)) },
        { footer([0x29, 0xfc] + .repeating("\u{7f}", 4) + .repeating("\u{0}", 1 << 20)) },
        { footer(.repeating("\u{15}\u{2}", 1 << 19)) }, { .repeating("PAR1", 1 << 20) },
      ], in: workspace)
  }

  /// Arrow's streams and files.
  static func arrow(in workspace: Workspace) -> FuzzTarget {
    columns(
      "arrow", .arrow,
      seeds: [
        "stream", "stream-large", "stream-zstd", "stream-lz4", "feather", "views", "categories", "classes", "others",
        "file", "polars",
      ].map {
        "\($0).arrow"
      },
      bombs: [
        { .repeating("\u{0}", 4 << 20) }, { .repeating("\u{4}\u{0}\u{0}\u{0}", 1 << 20) },
        { [0xff, 0xff, 0xff, 0xff, 0, 0, 16, 0] + .repeating("\u{8}\u{0}\u{0}\u{0}", 1 << 18) },
        { Array("ARROW1\u{0}\u{0}".utf8) + .repeating("\u{1}\u{0}\u{0}\u{0}", 1 << 18, after: "ARROW1") },
      ], in: workspace)
  }

  private static func columns(
    _ name: String, _ format: ColumnFile.Format, seeds: [String], bombs: [() -> [UInt8]], in workspace: Workspace
  ) -> FuzzTarget {
    var target = FuzzTarget(
      name, seeds: seeds.map { Repository.bytes("\(fixtures)/\($0)") },
      words: [
        "PAR1", "ARROW1", "text", "label", "\u{0}", "\u{1}", "\u{2}", "\u{7f}", "\u{15}", "\u{19}", "\u{1c}", "list",
      ],
      bombs: bombs
    ) { bytes in
      let path = workspace.write(bytes, "data")
      var source = DatasetSource(format: .columns(format), path: path)
      (source.findsPair, source.missingLabels) = (false, .unlabelled)
      _ = source.ownClasses()
      let examples = try? source.read(.classes(["sad", "so so", "happy"]))
      promise(examples?.labels.allSatisfy { (-1..<3).contains($0) } ?? true)
      // Whatever the types of its columns, none traps.
      var file = try ColumnFile(FileBytes(path: path), format)
      for column in file.columns.prefix(20) {
        var own = file
        while let values = try? own.next([column]) { promise(values.count == 1) }
      }
      while let values = try file.next(Array(file.columns.prefix(4))) {
        promise(values.allSatisfy { $0.count == values[0].count })
      }
    }
    // Values, of which some come from runs of next to nothing.
    target.memoryPerByte = 2_000
    return target
  }
}
