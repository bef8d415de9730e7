import Checkpoints
import Testing

struct SafetensorsWritingTests {
  private static let declarations: [SafetensorsWriter.Declaration] = [
    .init("é", .float32, [0, 4]), .init("b.weight", .float32, [2, 3]), .init("B", .float32, []),
    .init("ids", .int64, [1, 2]), .init("a", .float64, [2]),
  ]

  @Test func writesTheBytesOfTheReferenceLibraryInAnyOrder() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      let writer = try SafetensorsWriter(replacing: path, tensors: Self.declarations)
      try (0..<6).map(Float.init).withUnsafeBufferPointer { try writer.write("b.weight", $0) }
      try [1.5, -1.5].withUnsafeBytes { try writer.write("a", .float64, $0) }
      try [Float(0.5)].withUnsafeBufferPointer { try writer.write("B", $0) }
      try [7, -8].withUnsafeBytes { try writer.write("ids", .int64, $0) }
      try writer.write("é", UnsafeBufferPointer(start: nil, count: 0))
      try writer.finish()
      #expect(try contents(path) == contents(fixtures + "/order.safetensors"))
      #expect(try names(in: directory) == ["x.safetensors"])
    }
  }

  @Test func withoutFinishTheTargetStaysAndNothingIsLeft() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      try writeAtomically([1, 2, 3], to: path)
      do {
        let writer = try SafetensorsWriter(replacing: path, tensors: Self.declarations)
        try [Float](repeating: 1, count: 6).withUnsafeBufferPointer { try writer.write("b.weight", $0) }
        let error = #expect(throws: CheckpointError.self) { try writer.finish() }
        // Of é, which has no elements, there is nothing to write.
        #expect(error?.problems.count == 3)
        #expect(error?.problems.first == "B: declared but not written")
      }
      #expect(try contents(path) == [1, 2, 3])
      #expect(try names(in: directory) == ["x.safetensors"])
    }
  }

  @Test func refusesWhatWasNotDeclared() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      let writer = try SafetensorsWriter(replacing: path, tensors: Self.declarations)
      let floats: [Float] = [1, 2]
      floats.withUnsafeBufferPointer { floats in
        #expect(throws: CheckpointError.self) { try writer.write("c", floats) }
        #expect(throws: CheckpointError.self) { try writer.write("b.weight", floats) }
        #expect(throws: CheckpointError.self) { try writer.write("ids", floats) }
      }
      for wrong in [("a", [-1]), ("a", [Int.max, 2]), ("__metadata__", [1])] as [(String, [Int])] {
        #expect(throws: CheckpointError.self) {
          try SafetensorsWriter(replacing: path, tensors: [.init(wrong.0, .float32, wrong.1)])
        }
      }
      #expect(throws: CheckpointError.self) {
        try SafetensorsWriter(replacing: path, tensors: [.init("a", .float32, [1]), .init("a", .int64, [1])])
      }
    }
  }
}
