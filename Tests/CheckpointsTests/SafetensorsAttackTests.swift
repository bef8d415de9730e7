import Checkpoints
import Foundation
import Testing

/// Files that attack a reader of safetensors, by the names such attacks have. The ideas are those of the format's own
/// tests and of its audit of 2023 (huggingface.co/blog/safetensors-security-audit).
struct SafetensorsAttackTests {
  struct Attack: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let words: String
    let file: @Sendable () -> [UInt8]

    init(_ name: String, refusedWith words: String, file: @escaping @Sendable () -> [UInt8]) {
      testDescription = name
      self.words = words
      self.file = file
    }
  }

  private static func entry(_ name: String, _ shape: String = "[1]", _ offsets: String = "[0,1]") -> String {
    #""\#(name)":{"dtype":"U8","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  private static let attacks = [
    Attack("header bomb: a length of half a terabyte", refusedWith: "at most 25000000 bytes") {
      safetensors("{}", length: 1 << 39)
    },
    Attack("header bomb: objects in objects", refusedWith: "more than 64 arrays and objects") {
      safetensors(String(repeating: #"{"a":"#, count: 1 << 20) + String(repeating: "}", count: 1 << 20))
    },
    Attack("header bomb: a quarter of a million tensors of no bytes", refusedWith: "header:") {
      let header = (0..<250_000).map { entry("\($0)", "[0]", "[0,0]") }.joined(separator: ",")
      return safetensors("{\(header)}")
    },
    Attack("more tensors than the limit, each sound", refusedWith: "at most 100000 tensors, found 100001") {
      let header = (0..<100_001).map { entry("\($0)", "[0]", "[0,0]") }.joined(separator: ",")
      return safetensors("{\(header)}")
    },
    Attack("header length past the end", refusedWith: "3 bytes long, but the file has 10") {
      safetensors("{}", length: 3)
    },
    Attack("header length that wraps around", refusedWith: "at most 25000000 bytes") {
      safetensors("{}", length: .max - 7)
    },
    Attack("overlapping tensors: one within another", refusedWith: "b: data_offsets: expected to begin at 8, ") {
      safetensors(
        "{\(entry("a", "[8]", "[0,8]")),\(entry("b", "[4]", "[2,6]"))}", data: [UInt8](repeating: 0, count: 8))
    },
    Attack("overlapping tensors: the same bytes many times", refusedWith: "data_offsets: expected to begin at") {
      let header = (0..<1_000).map { entry("\($0)", "[4096]", "[0,4096]") }.joined(separator: ",")
      return safetensors("{\(header)}", data: [UInt8](repeating: 0, count: 4096))
    },
    Attack("hole between tensors", refusedWith: "b: data_offsets: expected to begin at 1, ") {
      safetensors("{\(entry("a")),\(entry("b", "[1]", "[9,10]"))}", data: [UInt8](repeating: 0, count: 10))
    },
    Attack("hole before the first tensor", refusedWith: "a: data_offsets: expected to begin at 0, ") {
      safetensors("{\(entry("a", "[1]", "[4,5]"))}", data: [UInt8](repeating: 0, count: 5))
    },
    Attack("polyglot: a ZIP archive behind the tensors", refusedWith: "bytes by its header, found") {
      safetensors("{\(entry("a"))}", data: [0] + Array("PK\u{5}\u{6}".utf8) + [UInt8](repeating: 0, count: 18))
    },
    Attack("polyglot: a ZIP archive before the header", refusedWith: "header: expected at most") {
      Array("PK\u{3}\u{4}abcdefgh".utf8) + safetensors("{\(entry("a"))}", data: [0])
    },
    Attack("polyglot: a file that starts as a script", refusedWith: "header: expected at most") {
      Array("#!/bin/sh\n".utf8) + safetensors("{\(entry("a"))}", data: [0])
    },
    Attack("polyglot: anything but spaces behind the header", refusedWith: "expected '}' at its end") {
      safetensors("{\(entry("a"))}  <script>", data: [0])
    },
    Attack("polyglot: a second value behind the header", refusedWith: "expected the end after the value") {
      safetensors("{\(entry("a"))} {}", data: [0])
    },
    Attack("header that does not start with '{'", refusedWith: "expected '{' as its first byte") {
      safetensors("\n{\(entry("a"))}", data: [0])
    },
    Attack("header that is an array", refusedWith: "expected '{' as its first byte") { safetensors("[]") },
    Attack("header padded with line ends", refusedWith: "expected '}' at its end") {
      safetensors("{\(entry("a"))}\n\n", data: [0])
    },
    Attack("header that is not UTF-8", refusedWith: "not valid UTF-8") {
      let header = Array(#"{"a"#.utf8) + [0xff] + Array(#"":{}}"#.utf8)
      return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
    },
    Attack("header with a key of half a surrogate pair", refusedWith: "half a surrogate pair") {
      safetensors(#"{"\ud800":{}}"#)
    },
    Attack("duplicate keys", refusedWith: #"key "a" appears twice"#) {
      safetensors("{\(entry("a")),\(entry("a", "[1]", "[1,2]"))}", data: [0, 0])
    },
    Attack("duplicate keys within a tensor", refusedWith: #"key "dtype" appears twice"#) {
      safetensors(#"{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}"#, data: [0])
    },
    Attack("duplicate metadata", refusedWith: #"key "__metadata__" appears twice"#) {
      safetensors(#"{"__metadata__":{},"__metadata__":{"format":"pt"}}"#)
    },
    Attack("negative shape", refusedWith: "shape: expected at most 8 non-negative integers") {
      safetensors("{\(entry("a", "[-1,-1]", "[0,1]"))}", data: [0])
    },
    Attack("huge shape", refusedWith: "at most 2147483647 elements") {
      safetensors("{\(entry("a", "[9223372036854775807]", "[0,1]"))}", data: [0])
    },
    Attack("shape beyond any integer", refusedWith: "non-negative integers") {
      safetensors("{\(entry("a", "[18446744073709551617]", "[0,1]"))}", data: [0])
    },
    Attack("shape whose product wraps around to its size", refusedWith: "at most 2147483647 elements") {
      // 2³² · 2³² = 2⁶⁴ ≡ 0.
      safetensors("{\(entry("a", "[4294967296,4294967296]", "[0,0]"))}")
    },
    Attack("shape of more dimensions than any tensor", refusedWith: "at most 8 non-negative integers") {
      safetensors("{\(entry("a", "[1,1,1,1,1,1,1,1,1]", "[0,1]"))}", data: [0])
    },
    Attack("offsets that descend", refusedWith: "two ascending non-negative integers") {
      safetensors("{\(entry("a", "[1]", "[1,0]"))}", data: [0])
    },
    Attack("offsets that wrap around behind the header", refusedWith: "two ascending non-negative integers") {
      safetensors("{\(entry("a", "[1]", "[9223372036854775806,9223372036854775807]"))}", data: [0])
    },
    Attack("fewer bytes than type and shape need", refusedWith: "expected 4 bytes for F32 [1], found 1") {
      safetensors(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}"#, data: [0])
    },
    Attack("unknown type", refusedWith: "dtype: expected one of") {
      safetensors(#"{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}"#, data: [0])
    },
    Attack("control characters in a name", refusedWith: #"\u{1b}]0;x\u{7}: expected an object"#) {
      safetensors(#"{"\u001b]0;x\u0007":1}"#)
    },
  ]

  @Test(.timeLimit(.minutes(1)), arguments: attacks)
  func isRefused(_ attack: Attack) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeAtomically(attack.file(), to: path)
      let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
      let message = error?.description ?? ""
      #expect(message.hasPrefix(path + ": ") && message.contains(attack.words), "\(message.prefix(500))")
      #expect(!message.unicodeScalars.contains { $0.properties.generalCategory == .control })
      #expect(message.utf8.count < 4096)
    }
  }

  @Test func spacesBehindTheHeaderAndUnusualNamesAreSound() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeAtomically(safetensors("{\(Self.entry("../é\\\\ "))}      ", data: [7]), to: path)
      let file = try SafetensorsFile(path)
      #expect(file.tensors.map(\.name) == ["../é\\ "])
      #expect(try file.bytes(#require(file.tensors.first)) == [7])
    }
  }

  /// A link is as good as what it leads to: caches of downloads are made of them.
  @Test func linksAreFollowedToRegularFilesOnly() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically(safetensors("{\(Self.entry("a"))}", data: [7]), to: directory + "/x.safetensors")
      for (name, target) in [("good", "x.safetensors"), ("loop", "loop"), ("gone", "none"), ("device", "/dev/zero")] {
        #expect(symlink(target, "\(directory)/\(name)") == 0)
      }
      #expect(try SafetensorsFile("\(directory)/good").tensors.count == 1)
      for (name, words) in [
        ("loop", "Too many levels of symbolic links"), ("gone", "No such file"), ("device", "expected a regular file"),
      ] {
        let error = #expect(throws: CheckpointError.self) { try SafetensorsFile("\(directory)/\(name)") }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
      }
    }
  }
}
