import FoundationEssentials
import Glibc

/// The memory of this process.
package enum ProcessMemory {
  /// Bytes in memory, of pages that processes share each one's part; where the kernel does not tell that, all of them.
  package static func bytes() -> Int {
    if let rollup = try? String(contentsOfFile: "/proc/self/smaps_rollup", encoding: .utf8),
      let bytes = kilobytes(of: "Pss:", in: rollup)
    {
      return bytes
    }
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    return kilobytes(of: "VmRSS:", in: status) ?? 0
  }

  /// The bytes that a line such as `Pss:  1234 kB` tells.
  static func kilobytes(of key: String, in text: String) -> Int? {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(key) }),
      let number = line.dropFirst(key.count).split(separator: " ").first, let count = Int(number), count < 1 << 50
    else { return nil }
    return count << 10
  }
}
