import Checkpoints
import Collectives
import Distillation
import JSON
import Kernels

/// A run's teacher cache: its settings, and the teacher it belongs to, hashed once for all stages.
struct TeacherCache: Sendable {
  private let settings: TeacherCacheSettings
  private let fingerprint: TeacherFingerprint
  /// Keeps anyone from clearing the cache. Where there is none to be had, the cache is none either, or goes on without.
  private let claim: FileLock?

  init(_ settings: TeacherCacheSettings, teacher: ClassifierModel, precision: Precision, threads: Int) {
    self.settings = settings
    try? createDirectories(settings.path)
    claim = try? FileLock.attempt("\(settings.path)/\(TeacherCacheDirectory.lockName)", sharing: .shared)
    fingerprint = TeacherFingerprint(
      teacher.configuration, weights: teacher.weights, precision: precision, threads: threads)
  }

  func teacher(_ live: LiveTeacher) -> CachedTeacher {
    CachedTeacher(live, fingerprint: fingerprint, settings: settings)
  }
}

/// How much of the teacher's features an epoch and its validations read from disk, over all ranks.
package struct TeacherCacheUse: Sendable {
  package let stage: String
  package let epoch: Int
  package let sentences: Int
  /// Sentences that were read rather than computed.
  package let hits: Int
  package let bytesRead: Int
  package let bytesWritten: Int
  /// Below the cache's path, as rank 0 sees it.
  package let bytesInUse: Int

  /// Collective: adds up the ranks' counts since the last call.
  ///
  /// - Returns: on rank 0 the sums, and what all ranks note, each once.
  static func collect(
    from teacher: CachedTeacher, stage: String, epoch: Int, ranks: any Communicator
  ) throws -> (use: TeacherCacheUse, notices: [String])? {
    let (counts, own) = teacher.takeCounts()
    var sums = [counts.sentences, counts.hits, counts.bytesRead, counts.bytesWritten].map(Double.init)
    try ranks.sum(&sums)
    guard let texts = try ranks.gather(Array(own.joined(separator: "\n").utf8), to: 0) else { return nil }
    var notices: [String] = []
    for line in texts.flatMap({ String(decoding: $0, as: UTF8.self).split(separator: "\n") })
    where !notices.contains(String(line)) {
      notices.append(String(line))
    }
    let totals = sums.map { Int($0) }
    return (
      TeacherCacheUse(
        stage: stage, epoch: epoch, sentences: totals[0], hits: totals[1], bytesRead: totals[2],
        bytesWritten: totals[3], bytesInUse: teacher.bytesInUse), notices
    )
  }

  var members: [(String, JSON)] {
    [
      ("stage", .string(stage)), ("epoch", .integer(epoch)), ("sentences", .integer(sentences)),
      ("hits", .integer(hits)), ("hit_rate", .number(sentences == 0 ? 0 : Double(hits) / Double(sentences))),
      ("bytes_read", .integer(bytesRead)), ("bytes_written", .integer(bytesWritten)),
      ("bytes_in_use", .integer(bytesInUse)),
    ]
  }
}
