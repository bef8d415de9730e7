import Checkpoints
import Glibc
import JSON
import Kernels
import Text

/// All tokens that a directory keeps.
package struct TokenCacheDirectory {
  private let path: String
  /// Shared by the runs that read from it; the same as that of a teacher cache, so that both may share a directory.
  static let lockName = ".lock"
  static let suffix = ".tokens"
  static let tableName = "table.json"

  package init(_ path: String) { self.path = path }

  /// Sources as tokens, in the order of their names.
  package var all: [KeptTokens] { names { $0.hasSuffix(Self.suffix) }.compactMap { KeptTokens(join(path, $0)) } }

  private func names(where isOurs: (String) -> Bool) -> [String] {
    ((try? entries(of: path)) ?? []).filter { name in
      // A name is a hash with something around it, so that nothing else is taken for one.
      isOurs(name) && SHA256(hexadecimal: String(name.drop { $0 == "." }.prefix(64))) != nil
    }
  }

  /// Deletes all of it, and what killed processes have left.
  /// - Returns: the number of files deleted, and their bytes.
  /// - Throws: `CheckpointError` where a run uses it, or something cannot be deleted.
  package func clear() throws -> (files: Int, bytes: Int) {
    let claim = try FileLock.claim(
      join(path, Self.lockName), what: path, remedy: "give the run another data.cache")
    defer { withExtendedLifetime(claim) {} }
    var result = (files: 0, bytes: 0)
    for name in names(where: { $0.contains(Self.suffix) || $0.hasSuffix(TokenCache.noteSuffix) }) {
      let place = join(path, name)
      let files =
        fileKind(place, followingLinks: false) == .directory ? try entries(of: place).map { join(place, $0) } : [place]
      for file in files {
        var status = stat()
        guard lstat(file, &status) == 0 else { continue }
        result.files += 1
        result.bytes += Int(status.st_size)
      }
      try removeTree(place)
    }
    return result
  }
}

/// A source as tokens, as a directory keeps it.
package struct KeptTokens {
  package let directory: String
  /// As it was called when it was read.
  package let source: String
  package let summary: TokenTableSummary
  private let digest: SHA256

  /// - Returns: `nil` where the directory does not say that it is whole.
  init?(_ directory: String) {
    guard let json = try? JSON(contentsOf: join(directory, TokenCacheDirectory.tableName)),
      json.object.map(Self.checksum) == json["checksum"]?.string, let source = json["source"]?.string,
      let digest = json["digest"]?.string.flatMap(SHA256.init(hexadecimal:)),
      let summary = json["table"].flatMap(TokenTableSummary.init(json:))
    else { return nil }
    self.directory = directory
    self.source = source
    self.digest = digest
    self.summary = summary
  }

  /// What a table's directory says of it.
  static func description(_ table: TokenTable, source: DatasetSource) -> JSON {
    var members = JSONObject([
      "source": .string(source.name), "digest": .string("\(TokenizedDataset([table]).digest())"),
      "table": table.summary.json,
    ])
    members["checksum"] = .string(checksum(members))
    return .object(members)
  }

  private static func checksum(_ members: JSONObject) -> String {
    var members = members
    members["checksum"] = nil
    return "\(SHA256(of: Array(JSON.object(members).text().utf8)))"
  }

  /// - Parameters:
  ///   - claim: what keeps others from deleting it as long as it is mapped.
  ///   - replaced: what was wrong with the files before these.
  /// - Returns: `nil` where a file is missing or has another size.
  func table(_ claim: FileLock?, replaced: String? = nil) -> TokenTable? {
    let table = TokenTable(mapping: directory, summary, digest: digest, claim: claim, replaced: replaced)
    return table?.hasSoundIds == true ? table : nil
  }

  /// What is wrong with it; `nil` where all rows are as they were written.
  package var problem: String? {
    guard let table = table(nil) else { return "files are missing, or are not as they were written" }
    if let row = table.firstDamagedRow { return "row \(row + 1) is damaged" }
    return TokenizedDataset([table]).digest() == digest ? nil : "rows do not match their checksum"
  }

  package var json: JSON { json(problem: nil) }

  package func json(problem: String?) -> JSON {
    [
      "tokens": .string(directory), "source": .string(source), "sentences": .integer(summary.rows),
      "bytes": .integer(summary.byteCount), "problem": problem.map(JSON.string) ?? .null,
    ]
  }
}
