import FoundationEssentials

/// The limits on CPU time (version 2) and memory that control groups set, as containers and batch systems use them.
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

  /// What the memory limits of this process's group and those above it leave, of either version: the limit that leaves
  /// least, in bytes; `nil` without one.
  package static func memory() -> (limit: Int, left: Int)? {
    guard let membership = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
    let limits =
      folders(membership: membership).compactMap { memory(in: $0, limit: "memory.max", use: "memory.current") }
      + memoryFolders(membership: membership).compactMap {
        memory(in: $0, limit: "memory.limit_in_bytes", use: "memory.usage_in_bytes")
      }
    return limits.min { $0.left < $1.left }
  }

  /// - Parameter folder: of a group.
  package static func memory(in folder: String, limit: String, use: String) -> (limit: Int, left: Int)? {
    func number(_ name: String) -> Int? {
      (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)).flatMap { text in
        // Version 1 says "none" by a number near the largest, version 2 by "max".
        Int(text.filter { !$0.isWhitespace }).flatMap { $0 >= 0 && $0 < 1 << 60 ? $0 : nil }
      }
    }
    guard let most = number(limit), most > 0 else { return nil }
    // What files are cached in is given up for what processes need.
    let statistics = (try? String(contentsOfFile: "\(folder)/memory.stat", encoding: .utf8)) ?? ""
    let cached = statistics.split(separator: "\n").reduce(0) { sum, line in
      let words = line.split(separator: " ")
      guard words.count == 2, words[0] == "inactive_file" || words[0] == "active_file" else { return sum }
      return sum + min(Int(words[1]).map { max(0, $0) } ?? 0, 1 << 60)
    }
    return (most, max(0, min(most, most - (number(use) ?? 0) + cached)))
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
