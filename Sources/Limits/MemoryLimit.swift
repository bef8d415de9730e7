import FoundationEssentials
import Glibc

/// What limits the memory that this process can still have.
package struct MemoryLimit: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    /// `ulimit -v`, which counts what is mapped whether or not it is used.
    case addressSpace
    /// `ulimit -d`
    case data
    case controlGroup
    case machine
  }

  package let kind: Kind
  /// Bytes that it leaves.
  package let left: Int

  package init(_ kind: Kind, left: Int) {
    self.kind = kind
    self.left = left
  }

  /// All that there are now.
  package static func all() -> [MemoryLimit] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    var limits: [MemoryLimit] = []
    for (kind, resource, use) in [
      (Kind.addressSpace, RLIMIT_AS, "VmSize:"), (.data, RLIMIT_DATA, "VmData:"),
    ] {
      if let most = limit(of: resource) {
        limits.append(MemoryLimit(kind, left: max(0, most - (kilobytes(of: use, in: status) ?? 0))))
      }
    }
    if let group = ControlGroup.memory() { limits.append(MemoryLimit(.controlGroup, left: group.left)) }
    let machine = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    if let available = kilobytes(of: "MemAvailable:", in: machine) {
      limits.append(MemoryLimit(.machine, left: available))
    }
    return limits
  }

  /// The one that leaves least; `nil` where the system tells of none.
  package static func tightest() -> MemoryLimit? { all().min { $0.left < $1.left } }

  /// As in `ulimit -v leaves 1234 bytes`.
  package var name: String {
    switch kind {
    case .addressSpace: "the limit on address space (ulimit -v)"
    case .data: "the limit on data (ulimit -d)"
    case .controlGroup: "the control group's memory limit"
    case .machine: "this machine"
    }
  }

  package var remedy: String {
    switch kind {
    case .addressSpace: "raise it, as with ulimit -v unlimited"
    case .data: "raise it, as with ulimit -d unlimited"
    case .controlGroup: "raise it (docker --memory, sbatch --mem), or use fewer ranks a host or a smaller batch"
    case .machine: "use fewer ranks a host or a smaller batch, or a machine with more memory"
    }
  }

  /// The bytes that a line such as `Pss:  1234 kB` tells.
  package static func kilobytes(of key: String, in text: String) -> Int? {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
      let number = line.dropFirst(key.count).split(whereSeparator: \.isWhitespace).first, let count = Int(number),
      (0..<1 << 50).contains(count)
    else { return nil }
    return count << 10
  }

  private static func limit(of resource: __rlimit_resource) -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return nil }
    return limit.rlim_cur < 1 << 60 ? Int(limit.rlim_cur) : nil
  }
}
