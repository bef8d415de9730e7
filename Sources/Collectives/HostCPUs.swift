import FoundationEssentials
import Glibc

/// The CPUs of one rank, and the running kernel that numbers them: containers of one machine share its numbering.
package struct HostCPUs: Equatable {
  package let host: String
  package let cpus: Set<Int>

  static let separator = UInt8(ascii: "\n")

  init(host: String, cpus: Set<Int>) {
    self.host = host
    self.cpus = cpus
  }

  package static func ofThisProcess() -> HostCPUs {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    return HostCPUs(
      host: boot.map { String($0.filter { !$0.isWhitespace }) } ?? "unknown",
      cpus: schedulable(status: status) ?? Set(0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
  }

  /// The CPUs the scheduler may run a process on, from its `/proc/…/status`: `Cpus_allowed_list: 0-3,8`.
  package static func schedulable(status: String) -> Set<Int>? {
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else { return nil }
    var cpus = Set<Int>()
    for range in line.dropFirst(key.count).split(separator: ",") {
      let ends = range.filter { !$0.isWhitespace }.split(separator: "-").map { Int($0) }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
      cpus.formUnion(first...last)
    }
    return cpus.isEmpty ? nil : cpus
  }

  /// `host cpu cpu …`, without a line break.
  package var encoded: [UInt8] { Array(([host] + cpus.sorted().map(String.init)).joined(separator: " ").utf8) }

  package init(encoded: some Collection<UInt8>) {
    let words = String(decoding: encoded, as: UTF8.self).split(separator: " ")
    host = words.first.map(String.init) ?? ""
    cpus = Set(words.dropFirst().compactMap { Int($0) })
  }
}
