import Foundation
import Limits
import Testing

/// What control groups, limits on a process and the machine leave of memory.
struct MemoryLimitTests {
  private func folder(_ files: [String: String]) throws -> String {
    let path = FileManager.default.temporaryDirectory.appending(path: "limits-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files { try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8) }
    return path
  }

  @Test(
    "a group's limit leaves what is not used, and what files are cached in",
    arguments: [
      (["memory.max": "1000000\n", "memory.current": "400000\n"], 600_000),
      (
        ["memory.max": "1000000\n", "memory.current": "900000\n", "memory.stat": "anon 5\ninactive_file 300000\n"],
        400_000
      ),
      (["memory.max": "1000\n", "memory.current": "5000\n"], 0),
      (["memory.max": "max\n", "memory.current": "400000\n"], nil),
      (["memory.current": "400000\n"], nil),
      (["memory.max": "1000\n"], 1000),
      (["memory.max": "9223372036854771712\n", "memory.current": "1\n"], nil),
    ] as [([String: String], Int?)])
  func group(files: [String: String], left: Int?) throws {
    let folder = try folder(files)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(ControlGroup.memory(in: folder, limit: "memory.max", use: "memory.current")?.left == left)
  }

  @Test("numbers of the kernel's tables")
  func kilobytes() {
    let text = "VmPeak:\t  999 kB\nVmSize:\t  123456 kB\nMemAvailable:    42 kB\nVmData: x kB\n"
    #expect(MemoryLimit.kilobytes(of: "VmSize:", in: text) == 123_456 << 10)
    #expect(MemoryLimit.kilobytes(of: "MemAvailable:", in: text) == 42 << 10)
    #expect(MemoryLimit.kilobytes(of: "VmData:", in: text) == nil)
    #expect(MemoryLimit.kilobytes(of: "Pss:", in: text) == nil)
  }

  @Test("this machine tells what it has, and refuses what nothing has")
  func machine() {
    #expect(MemoryLimit.all().contains { $0.kind == .machine && $0.left > 0 })
    #expect(throws: Never.self) { try OutOfMemory.check(1000, for: "a little") }
    let error = #expect(throws: OutOfMemory.self) { try OutOfMemory.check(1 << 60, for: "everything") }
    #expect(error?.what == "everything" && error?.bytes == 1 << 60 && error?.limit != nil)
  }

  @Test("the error says for what, how much, what limits it and what to do", arguments: MemoryLimit.Kind.allCases)
  func message(kind: MemoryLimit.Kind) {
    let text = "\(OutOfMemory("the student's weights", bytes: 4000, limit: MemoryLimit(kind, left: 1234)))"
    #expect(text.hasPrefix("out of memory: the student's weights: 4000 bytes are needed, and "))
    #expect(text.contains(" leaves 1234; ") && text.split(separator: "; ").count == 2)
  }
}
