import Checkpoints
import Foundation
import Testing

struct SafetensorsReadingTests {
  @Test(arguments: ["half", "brain", "single", "double"])
  func convertsFloatingPointAsPyTorchDoes(name: String) throws {
    let typed = try SafetensorsFile(fixtures + "/types.safetensors")
    let expected = try SafetensorsFile(fixtures + "/types-as-float32.safetensors")
    #expect(typed.metadata == ["format": "pt"])
    let found = try typed.floats(#require(typed[name]))
    let wanted = try expected.floats(#require(expected[name]))
    #expect(found.map(\.bitPattern) == wanted.map(\.bitPattern))
  }

  @Test func everyHalfIsWhatItsBitsSay() throws {
    let floats = try withTemporaryDirectory { directory in
      let writer = try SafetensorsWriter(replacing: directory + "/x", tensors: [.init("x", .float16, [65_536])])
      try Array(UInt16.min...UInt16.max).withUnsafeBytes { try writer.write("x", .float16, $0) }
      try writer.finish()
      let file = try SafetensorsFile(directory + "/x")
      return try file.floats(#require(file["x"]))
    }
    for (bits, float) in floats.enumerated() {
      let exponent = bits >> 10 & 31
      let fraction = Double(bits & 0x3ff)
      let magnitude = exponent == 0 ? fraction / 16_777_216 : (1024 + fraction) / 1024 * exp2(Double(exponent - 15))
      if exponent == 31 {
        #expect(fraction == 0 ? float.isInfinite : float.isNaN)
      } else {
        #expect(Double(float) == (bits < 0x8000 ? magnitude : -magnitude))
      }
      #expect((float.sign == .minus) == (bits >= 0x8000))
    }
  }

  @Test func describesTensorsAndReadsTheirBytes() throws {
    let file = try SafetensorsFile(fixtures + "/order.safetensors")
    #expect(file.tensors.map(\.name) == ["ids", "a", "B", "b.weight", "é"])
    let ids = try #require(file["ids"])
    #expect(ids.type == .int64 && ids.shape == [1, 2] && ids.count == 2)
    #expect(try file.bytes(ids) == [7, 0, 0, 0, 0, 0, 0, 0, 0xf8] + [UInt8](repeating: 0xff, count: 7))
    #expect(try file.floats(#require(file["B"])) == [0.5])
    #expect(try file.floats(#require(file["b.weight"])) == [0, 1, 2, 3, 4, 5])
    #expect(try file.floats(#require(file["é"])) == [])
    let error = #expect(throws: CheckpointError.self) { try file.floats(ids) }
    #expect(error?.problems == ["ids: expected F32, F16, BF16 or F64, found I64"])
  }

  private static let valid: [(String, Int)] = [
    ("{}", 0), ("{}   ", 0), (#"{"__metadata__":{"format":"pt"}}"#, 0),
    (#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, 4),
    (
      #"{"a":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
      1
    ),
    (#"{"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5),
  ]

  @Test(arguments: valid)
  func acceptsWhatTheFormatAllows(header: String, dataSize: Int) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeAtomically(safetensors(header, data: [UInt8](repeating: 0, count: dataSize)), to: path)
      _ = try SafetensorsFile(path)
    }
  }

  /// What a hostile or damaged file may hold, and words of the error it must give.
  private static let hostile: [([UInt8], String)] = [
    ([], "found 0 bytes"), ([1, 0, 0], "found 3 bytes"),
    (safetensors("{}", length: 1 << 40), "at most 25000000 bytes, found 1099511627776"),
    (safetensors("{}", length: .max), "at most 25000000 bytes"),
    (safetensors("{}", length: 3), "3 bytes long, but the file has 10"), (safetensors(""), "expected '{'"),
    (safetensors(" {}"), "expected '{'"), (safetensors("[]"), "expected '{'"), (safetensors("{}\n"), "expected '}'"),
    (safetensors("{}\0"), "expected '}'"), (safetensors("{} {}"), "expected the end"),
    (safetensors(#"{"a":1}"#), "a: expected an object of dtype"), (safetensors("{", data: []), "expected '}'"),
    (safetensors(String(repeating: #"{"a":"#, count: 100) + String(repeating: "}", count: 100)), "more than 64"),
    (safetensors("{}", data: [0]), "expected 10 bytes by its header, found 11"),
    (safetensors(#"{"__metadata__":{"a":1}}"#), "expected a string, found integer 1"),
    (safetensors(#"{"__metadata__":[]}"#), "expected an object, found an array"),
    (tensor(shape: "[1]", offsets: "[0,4]", data: 3), "expected 66 bytes"),
    (tensor(shape: "[1]", offsets: "[0,4]", data: 5), "found 67"),
    (tensor(shape: "[1]", offsets: "[4,8]", data: 8), "expected to begin at 0"),
    (tensor(shape: "[1]", offsets: "[4,0]", data: 4), "ascending"),
    (tensor(shape: "[1]", offsets: "[-4,0]", data: 4), "non-negative"),
    (tensor(shape: "[1]", offsets: "[0,4.0]", data: 4), "non-negative integers"),
    (tensor(shape: "[1]", offsets: "[0]", data: 4), "two data_offsets"),
    (tensor(shape: "[1]", offsets: "[9223372036854775800,9223372036854775804]", data: 4), "ascending"),
    (tensor(shape: "[1]", offsets: "[0,18446744073709551615]", data: 4), "non-negative integers"),
    (tensor(shape: "[2]", offsets: "[0,4]", data: 4), "expected 8 bytes for F32 [2], found 4"),
    (tensor(shape: "[-1]", offsets: "[0,4]", data: 4), "shape: expected at most 8 non-negative"),
    (tensor(shape: "[1e0]", offsets: "[0,4]", data: 4), "shape: expected"),
    (tensor(shape: "1", offsets: "[0,4]", data: 4), "expected an object of dtype"),
    (tensor(shape: "[1,1,1,1,1,1,1,1,1]", offsets: "[0,4]", data: 4), "at most 8"),
    (tensor(shape: "[4611686018427387904,4]", offsets: "[0,0]", data: 0), "at most 2147483647 elements"),
    (tensor(shape: "[4294967296,4294967296,0]", offsets: "[0,0]", data: 0), "at most 2147483647 elements"),
    (tensor(type: "F31", shape: "[1]", offsets: "[0,4]", data: 4), "dtype: expected one of BOOL"),
    (
      safetensors(#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":0}}"#, data: [0]),
      "expected an object of dtype"
    ),
    (
      safetensors(
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
        data: [0, 0, 0]), "b: data_offsets: expected to begin at 2"
    ),
    (
      safetensors(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#,
        data: [0, 0, 0]), "b: data_offsets: expected to begin at 1"
    ),
    (
      safetensors(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
        data: [0, 0]), "appears twice"
    ),
    (
      safetensors(
        "{\"\u{e9}\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          + "\"e\u{301}\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", data: [0, 0]),
      "differ only in encoding"
    ),
    (safetensors("{\"\u{1b}[2J\":1}"), "control character"),
    (safetensors(#"{"\u001b[2J":1}"#), #"\u{1b}[2J: expected"#),
  ]

  private static func tensor(type: String = "F32", shape: String, offsets: String, data: Int) -> [UInt8] {
    safetensors(
      #"{"a":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":\#(offsets)}}"#,
      data: [UInt8](repeating: 0, count: data))
  }

  @Test(arguments: hostile)
  func refusesHostileFiles(bytes: [UInt8], words: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeAtomically(bytes, to: path)
      let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
      #expect(error?.description.hasPrefix(path + ": ") == true)
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
  }

  @Test func everyPrefixIsRefusedAndNoChangedByteTraps() throws {
    let whole = try contents(fixtures + "/order.safetensors")
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      for count in 0..<whole.count {
        try write(Array(whole[..<count]), to: path)
        #expect(throws: CheckpointError.self) { try SafetensorsFile(path) }
      }
      var generator = SplitMix(state: 5)
      for _ in 0..<2_000 {
        var changed = whole
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          changed[Int.random(in: changed.indices, using: &generator)] = .random(in: .min ... .max, using: &generator)
        }
        try write(changed, to: path)
        guard let file = try? SafetensorsFile(path) else { continue }
        for tensor in file.tensors where tensor.type.isFloatingPoint { _ = try file.floats(tensor) }
      }
    }
  }

  @Test func aFileShortenedWhileOpenIsAnError() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try write(contents(fixtures + "/order.safetensors"), to: path)
      let file = try SafetensorsFile(path)
      #expect(truncate(path, 300) == 0)
      let error = #expect(throws: CheckpointError.self) { try file.floats(#require(file["b.weight"])) }
      #expect(error?.problems.first?.contains("shortened while being read") == true)
    }
  }

  @Test func refusesWhatIsNoRegularFileAndLeaksNothing() throws {
    try withTemporaryDirectory { directory in
      #expect(mkfifo(directory + "/fifo", 0o600) == 0)
      #expect(throws: CheckpointError.self) { try SafetensorsFile(directory + "/fifo") }
      #expect(throws: CheckpointError.self) { try SafetensorsFile(directory) }
      for descriptor in try names(in: "/proc/self/fd") {
        let open = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + descriptor)
        #expect(open?.hasPrefix(directory) != true)
      }
      let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(directory + "/none") }
      #expect(error?.description == "\(directory)/none: cannot open: No such file or directory")
    }
  }

  /// In place and without flushing, for tests that write thousands of files.
  private func write(_ bytes: [UInt8], to path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}
