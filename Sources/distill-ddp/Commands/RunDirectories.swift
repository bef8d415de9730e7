import Checkpoints
import JSON
import Reports

/// The runs among directories as a shell's `runs/*` lists them; what holds no run is left out, with a note.
func runDirectories(among paths: [String]) throws -> [String] {
  let runs = paths.filter { RecordedRun.exists(in: $0) }
  // A single path was meant, and says what is wrong with it.
  guard paths.count > 1 else { return paths }
  guard !runs.isEmpty else {
    throw CommandError(
      "expected directories of runs, with config.yaml and metrics.jsonl, found none among \(paths.count); give what "
        + "run.directory named")
  }
  for path in paths where !runs.contains(path) {
    printError("Note: \(path.escapedForDisplay) holds no run and is skipped")
  }
  return runs
}
