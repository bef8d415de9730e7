import FoundationEssentials
import Glibc
import Limits

/// The memory of this process.
package enum ProcessMemory {
  /// Bytes in memory, of pages that processes share each one's part; where the kernel does not tell that, all of them.
  package static func bytes() -> Int {
    if let rollup = try? String(contentsOfFile: "/proc/self/smaps_rollup", encoding: .utf8),
      let bytes = MemoryLimit.kilobytes(of: "Pss:", in: rollup)
    {
      return bytes
    }
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    return MemoryLimit.kilobytes(of: "VmRSS:", in: status) ?? 0
  }
}
