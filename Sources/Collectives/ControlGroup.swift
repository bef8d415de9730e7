import FoundationEssentials

/// The limit on CPU time that a control group (version 2) sets, as containers and batch systems use it.
package enum ControlGroup {
  /// The smallest quota of this process's group and those above it, in CPUs; `nil` without one.
  package static func quota() -> Double? {
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

  /// The smallest memory limit of this process's group and those above it, in bytes, of either version; `nil` without
  /// one.
  package static func memoryLimit() -> Int? {
    guard let membership = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let files =
      folders(membership: membership).map { "\($0)/memory.max" }
      + memoryFolders(membership: membership).map { "\($0)/memory.limit_in_bytes" }
    return files.compactMap { file in
      (try? String(contentsOfFile: file, encoding: .utf8)).flatMap { text in
        // Version 1 says "none" by a number near the largest.
        Int(text.filter { !$0.isWhitespace }).flatMap { $0 > 0 && $0 < 1 << 60 ? $0 : nil }
      }
    }.min()
  }

  /// The folders of a version 1 memory group and its ancestors: `4:memory:/a/b`.
  package static func memoryFolders(membership: String) -> [String] {
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, fields[1].split(separator: ",").contains("memory") else { continue }
      let names = fields[2].split(separator: "/")
      return (0...names.count).map { (["/sys/fs/cgroup/memory"] + names.prefix($0)).joined(separator: "/") }
    }
    return []
  }

  /// A limit in CPUs from `cpu.max`, `$QUOTA $PERIOD` in microseconds or `max $PERIOD`.
  package static func quota(limit: String) -> Double? {
    let fields = limit.split(whereSeparator: \.isWhitespace).map { Double($0) }
    guard fields.count == 2, let quota = fields[0], let period = fields[1], quota > 0, period > 0 else { return nil }
    return quota / period
  }
}
