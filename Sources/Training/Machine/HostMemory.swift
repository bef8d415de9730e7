import FoundationEssentials

/// What a host has of memory.
package enum HostMemory {
  /// Bytes that processes can have without others being driven out; `nil` where the kernel does not say.
  package static func available() -> Int? {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    return ProcessMemory.kilobytes(of: "MemAvailable:", in: text)
  }
}
