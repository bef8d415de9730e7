import FoundationEssentials

/// The limit on CPU time that a control group (version 2) sets, as containers and batch systems use it.
package enum ControlGroup {
  /// The smallest quota of this process's group and those above it, in CPUs; `nil` without one.
  static func quota() -> Double? {
    guard let membership = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let quotas = folders(membership: membership).compactMap { folder in
      (try? String(contentsOfFile: folder + "/cpu.max", encoding: .utf8)).flatMap(quota(limit:))
    }
    return quotas.min()
  }

  /// The folders of a group and its ancestors, from what `/proc/self/cgroup` says: `0::/a/b`.
  package static func folders(membership: String) -> [String] {
    guard let line = membership.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return [] }
    let names = line.dropFirst(3).split(separator: "/")
    return (0...names.count).map { (["/sys/fs/cgroup"] + names.prefix($0)).joined(separator: "/") }
  }

  /// A limit in CPUs from `cpu.max`, `$QUOTA $PERIOD` in microseconds or `max $PERIOD`.
  package static func quota(limit: String) -> Double? {
    let fields = limit.split(whereSeparator: \.isWhitespace).map { Double($0) }
    guard fields.count == 2, let quota = fields[0], let period = fields[1], quota > 0, period > 0 else { return nil }
    return quota / period
  }
}
