import Checkpoints
import Training

/// Whether there is room for what a run writes.
struct DiskFindings {
  let plan: JobPlan

  var all: [Finding] { [run] + plan.caches.compactMap(finding) }

  private var run: Finding {
    let path = plan.directory
    let shown = path.escapedForDisplay
    guard let free = freeDiskSpace(at: path) else {
      return Finding("disk", .ok, "\(shown): the file system does not report how much is free")
    }
    guard free.isWritable else {
      return Finding(
        "disk", .problem, "\(shown): cannot be written to",
        remedy: "choose another run.directory, or change its permissions"
      )
    }
    let text =
      "\(shown): \(plan.runs.count == 1 ? "the run writes" : "the \(plan.runs.count) runs write") up to "
      + "\(byteText(plan.mostBytes)), and \(byteText(free.bytes)) are free"
    guard free.bytes < plan.mostBytes else { return Finding("disk", .ok, text) }
    return Finding(
      "disk", .problem, text,
      remedy: "free some space, choose another run.directory, or lower run.keepStates or saveTopK")
  }

  private func finding(_ cache: (path: String, bytes: Int)) -> Finding? {
    let (path, bytes) = cache
    let shown = path.escapedForDisplay
    guard let free = freeDiskSpace(at: path) else { return nil }
    let text = "\(shown): all features take \(byteText(bytes)), and \(byteText(free.bytes)) are free"
    guard free.isWritable, free.bytes >= bytes else {
      return Finding(
        "teacher cache", .warning, free.isWritable ? text : "\(shown): cannot be written to",
        remedy: "choose another teacher.cache.path: what does not fit is computed in every epoch")
    }
    return Finding("teacher cache", .ok, text)
  }
}
