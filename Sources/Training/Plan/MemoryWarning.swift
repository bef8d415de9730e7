import Limits

extension MemoryPlan {
  /// What is told of a run that needs more than there is, where nothing fails until the memory is used and the system then
  /// ends the process without a message; `nil` where there is enough.
  ///
  /// - Parameters:
  ///   - ranks: of this host.
  ///   - used: bytes that one of them has already.
  func warning(ranks: Int, used: Int, limits: [MemoryLimit]) -> String? {
    let needed = ranks * training + sharedTeacher
    let missing = needed - ranks * used
    let limit = limits.filter { $0.kind == .controlGroup || $0.kind == .machine }.min { $0.left < $1.left }
    guard let limit, limit.left < missing else { return nil }
    return "the run needs about \(Self.megabytes(needed)) on this host at its fullest, "
      + "\(Self.megabytes(missing)) more than now, and \(limit.name) leaves \(Self.megabytes(limit.left)): the system may "
      + "end it without a message; \(limit.remedy)"
  }

  private static func megabytes(_ bytes: Int) -> String { "\(grouped((bytes + 999_999) / 1_000_000)) MB" }
}
