import ArgumentParser
import Checkpoints
import Collectives
import Glibc
import JSON
import Reports
import Training

extension TrainCommand {
  /// Collective: every run of a sweep, one after the other, and the table that compares them.
  ///
  /// A run that fails is told and left behind. With several ranks that is possible only where all of them find the
  /// failure alike; what one rank alone finds while the others train ends the job.
  ///
  /// - Returns: the status to exit with.
  func run(_ sweep: Sweep, _ places: Places) throws -> Int32 {
    let isRoot = places.ranks.rank == 0
    try check(sweep)
    let claim = isRoot ? try self.claim(sweep) : nil
    defer { withExtendedLifetime(claim) {} }
    var failed: [String] = []
    for (index, run) in sweep.runs.enumerated() {
      if isRoot, !json, !quiet {
        printLine("\(index == 0 ? "" : "\n")Run \(index + 1) of \(sweep.runs.count): \(run.name)")
      }
      do {
        let end = try train(run.configuration, places, othersFollow: index + 1 < sweep.runs.count)
        guard end == .finished else { return Self.resumable }
      } catch  where places.ranks.size == 1 || error is SharedFailure {
        failed.append(run.name)
        if isRoot { report(error, of: run) }
      }
    }
    if isRoot { try conclude(sweep, failed) }
    return failed.isEmpty ? 0 : 1
  }

  /// Refuses, before the first run starts, what would make all of them fail.
  private func check(_ sweep: Sweep) throws {
    if let resume, resume != "auto", resume != "none" {
      throw CommandError("--resume: expected auto or none for a sweep of runs, found a path")
    }
    let begun = sweep.runs.filter { run in
      let settings = run.configuration.run
      return !settings.overwrite && (resume.map { RunSettings.Resume($0) } ?? settings.resume) == .none
        && access("\(settings.directory)/config.yaml", F_OK) == 0
    }
    guard let first = begun.first else { return }
    throw CommandError(
      "run.directory: \(sweep.directory.escapedForDisplay) holds \(begun.count) of the \(sweep.runs.count) runs already "
        + "(\(first.name)); choose another, go on with --resume auto, or set run.overwrite=true to replace them")
  }

  /// Another process would take turns with this one at the same runs.
  private func claim(_ sweep: Sweep) throws -> FileLock {
    try createDirectories(sweep.directory)
    return try FileLock.claim(
      "\(sweep.directory)/.lock", what: "run.directory: \(sweep.directory)", remedy: "choose another directory")
  }

  private func report(_ error: any Error, of run: Sweep.Run) {
    if json {
      let event: JSON = [
        "event": "run_failed", "directory": .string(run.configuration.run.directory), "error": .string("\(error)"),
      ]
      printLine(event.text())
    }
    printError("Error: \(run.configuration.run.directory.escapedForDisplay): \(error)")
  }

  private func conclude(_ sweep: Sweep, _ failed: [String]) throws {
    // A run that failed early has nothing to compare.
    let comparison = RunComparison(sweep.runs.compactMap { try? RecordedRun($0.configuration.run.directory) })
    if json {
      let event: JSON = [
        "event": "sweep_finished", "directory": .string(sweep.directory), "failed": .array(failed.map(JSON.string)),
        "runs": comparison.json,
      ]
      printLine(event.text())
    } else {
      printLine("\n\(comparison.markdown)")
    }
    guard !failed.isEmpty else { return }
    printError(
      "Error: \(failed.count) of \(sweep.runs.count) runs failed: \(failed.joined(separator: ", ")); --resume auto tries "
        + "them again and keeps the others")
  }
}
