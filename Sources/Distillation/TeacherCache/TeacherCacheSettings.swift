/// Where a teacher's features are kept and how.
package struct TeacherCacheSettings: Sendable, Equatable {
  /// How features are stored. What is read, and what is computed where nothing is stored, is rounded alike, so that a
  /// run does not depend on what the cache holds.
  package enum Precision: String, Sendable, CaseIterable {
    /// Half the space; a sentence with a value beyond ±65504 is kept in full.
    case fp16
    /// Exact.
    case fp32
  }

  /// The directory, which many runs and ranks may share.
  package var path: String
  /// The most bytes below `path`, whatever they belong to; what does not fit is computed each time.
  package var maxBytes = 10 << 30
  package var precision = Precision.fp16

  package init(path: String) { self.path = path }
}
