import Checkpoints
import Training

/// Whether there is room for what a run writes.
struct DiskFindings {
  let plan: RunPlan

  var all: [Finding] { [run] + (cache.map { [$0] } ?? []) }

  private var run: Finding {
    let path = plan.configuration.run.directory
    let shown = path.escapedForDisplay
    guard let free = freeDiskSpace(at: path) else {
      return Finding("disk", .ok, "\(shown): the file system does not say how much is free")
    }
    guard free.isWritable else {
      return Finding(
        "disk", .problem, "\(shown): cannot be written to", remedy: "choose another run.directory, or change its rights"
      )
    }
    let text = "\(shown): up to \(byteText(plan.mostBytes)) are written, and \(byteText(free.bytes)) are free"
    guard free.bytes < plan.mostBytes else { return Finding("disk", .ok, text) }
    return Finding(
      "disk", .problem, text, remedy: "free some, choose another run.directory, or lower run.keepStates or saveTopK")
  }

  private var cache: Finding? {
    guard let path = plan.configuration.teacher?.cache?.path, let bytes = plan.cacheBytes else { return nil }
    let shown = path.escapedForDisplay
    guard let free = freeDiskSpace(at: path) else { return nil }
    let text = "\(shown): \(byteText(bytes)) for all features, and \(byteText(free.bytes)) are free"
    guard free.isWritable, free.bytes >= bytes else {
      return Finding(
        "teacher cache", .warning, free.isWritable ? text : "\(shown): cannot be written to",
        remedy: "choose another teacher.cache.path: what does not fit is computed in every epoch")
    }
    return Finding("teacher cache", .ok, text)
  }
}
