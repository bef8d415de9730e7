import ArgumentParser
import Checkpoints
import Glibc
import JSON

/// `distill-ddp verify`: whether checkpoints and states are as they were saved.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check saved checkpoints and states against their manifests.",
    discussion: """
      Reads every file that a manifest.json lists. Status 1 if anything is missing or damaged.

        distill-ddp verify runs/mine
        distill-ddp verify runs/mine/best --json
      """)

  @Argument(
    help: "Directories of checkpoints, of states, or of runs, which stand for all of their own.", completion: .directory
  )
  var paths: [String]

  @Flag(help: "Print the result as JSON.")
  var json = false

  func run() throws {
    try onFirstRank {
      let found = try paths.map { (path: $0, directories: try Self.directories(at: $0)) }
      let directories = found.flatMap(\.directories)
      guard !directories.isEmpty else {
        throw CommandError(
          "\(paths.map(\.escapedForDisplay).joined(separator: ", ")): expected a directory with a manifest.json, or a run "
            + "with such checkpoints, found neither; models that other programs saved have none")
      }
      for (path, directories) in found where directories.isEmpty {
        printError("Note: \(path.escapedForDisplay) holds nothing to verify and is skipped")
      }
      var isSound = true
      for directory in directories {
        var problems: [String] = []
        do throws(CheckpointError) {
          try CheckpointManifest.verify(directory)
        } catch {
          isSound = false
          problems = error.problems
        }
        if json {
          let result: JSON = ["path": .string(directory), "problems": .array(problems.map(JSON.string))]
          printLine(result.text())
        } else {
          let shown = directory.escapedForDisplay
          printLine(problems.isEmpty ? "\(shown): sound" : "\(shown): \(problems.joined(separator: "; "))")
        }
      }
      if !isSound { throw ExitCode.failure }
    }
  }

  /// The directory itself where it has a manifest, else those of a run.
  private static func directories(at path: String) throws -> [String] {
    if CheckpointManifest.exists(in: path) { return [path] }
    let stages = try names(in: "\(path)/stages").map { "\(path)/stages/\($0)/checkpoints" }
    return try (stages + ["\(path)/state"]).flatMap { folder in
      // The links are among the directories already.
      try names(in: folder).filter { $0 != "last" }.map { "\(folder)/\($0)" }
    }
  }

  private static func names(in folder: String) throws -> [String] {
    access(folder, F_OK) == 0 ? try entries(of: folder).filter { !$0.hasPrefix(".") } : []
  }
}
