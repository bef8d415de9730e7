import ArgumentParser
import Distillation
import Encoders
import JSON
import Training

/// `distill-ddp cache`: what a teacher cache holds.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "List, check or delete what a teacher cache, or a cache of tokens, holds.",
    subcommands: [List.self, Verify.self, Clear.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "ls",
      abstract:
        "List the teachers whose features a cache holds, and which features; and the sources that it has as tokens.")

    @OptionGroup var cache: CacheArguments

    func run() throws {
      let folders = try TeacherCacheDirectory(cache.path).folders(readsValues: false)
      let tokens = TokenCacheDirectory(cache.path).all
      if cache.json { return printLine(JSON.array(folders.map(\.json) + tokens.map(\.json)).text()) }
      guard !folders.isEmpty || !tokens.isEmpty else { return printLine("The cache is empty.") }
      if !tokens.isEmpty {
        let rows = tokens.map { kept in
          [
            kept.source.escapedForDisplay, grouped(kept.summary.rows), grouped(kept.summary.tokens),
            grouped(kept.summary.byteCount),
          ]
        }
        table([["source", "sentences", "tokens", "bytes"]] + rows).forEach(printLine)
      }
      guard !folders.isEmpty else { return }
      let rows = folders.map { folder in
        [folder.name] + folder.facts + [grouped(folder.segments.count), grouped(folder.entries), grouped(folder.bytes)]
      }
      table([["folder", "teacher", "precision", "cached features", "files", "sentences", "bytes"]] + rows).forEach(
        printLine)
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "verify", abstract: "Check every entry's checksum; exit with 1 if anything is damaged.")

    @OptionGroup var cache: CacheArguments

    func run() throws {
      let folders = try TeacherCacheDirectory(cache.path).folders(readsValues: true)
      let tokens = TokenCacheDirectory(cache.path).all.map { (kept: $0, problem: $0.problem) }
      let damaged =
        folders.flatMap(\.segments).compactMap { segment in segment.problem.map { (segment.name, $0) } }
        + tokens.compactMap { kept, problem in problem.map { (kept.directory, $0) } }
      if cache.json {
        printLine(JSON.array(folders.map(\.json) + tokens.map { $0.kept.json(problem: $0.problem) }).text())
      } else {
        for (name, problem) in damaged { printLine("\(name.escapedForDisplay): \(problem)") }
        let entries =
          folders.reduce(0) { $0 + $1.entries }
          + tokens.reduce(0) { $0 + ($1.problem == nil ? $1.kept.summary.rows : 0) }
        printLine("\(grouped(entries)) sentences are sound; \(grouped(damaged.count)) files are damaged")
      }
      if !damaged.isEmpty { throw ExitCode(1) }
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "clear",
      abstract: "Delete the cached features of all teachers, and all tokens; other files are kept.")

    @OptionGroup var cache: CacheArguments

    func run() throws {
      let (features, tokens) = (
        try TeacherCacheDirectory(cache.path).clear(), try TokenCacheDirectory(cache.path).clear()
      )
      let (files, bytes) = (features.files + tokens.files, features.bytes + tokens.bytes)
      let json: JSON = ["files": .integer(files), "bytes": .integer(bytes)]
      printLine(
        cache.json ? json.text() : "deleted \(grouped(files)) \(files == 1 ? "file" : "files"), \(grouped(bytes)) bytes"
      )
    }
  }
}

/// What all of them take.
struct CacheArguments: ParsableArguments {
  @Argument(
    help: "The cache's directory: teacher.cache.path, or data.cache, of the runs that use it.", completion: .directory)
  var path: String

  @Flag(help: "Print the result as JSON.")
  var json = false
}

extension TeacherCacheDirectory.Folder {
  fileprivate var json: JSON {
    [
      "folder": .string(name), "identity": identity ?? .null, "sentences": .integer(entries), "bytes": .integer(bytes),
      "files": .array(
        segments.map { segment in
          [
            "name": .string(segment.name), "sentences": .integer(segment.entries), "bytes": .integer(segment.bytes),
            "problem": segment.problem.map(JSON.string) ?? .null,
          ]
        }),
    ]
  }

  /// Teacher, precision and features, as its identity names them.
  fileprivate var facts: [String] {
    func text(_ key: String) -> String { (identity?[key]?.string ?? "?").escapedForDisplay }
    let taps = Tap.Kind.allCases.compactMap { kind -> String? in
      guard let layers = identity?["taps"]?[kind.rawValue]?.array?.compactMap(\.int) else { return nil }
      return kind.isOfHead ? kind.rawValue : "\(kind.rawValue) \(layers.map(String.init).joined(separator: ","))"
    }
    return [String(text("teacher").prefix(12)), text("precision"), taps.joined(separator: " ")]
  }
}
