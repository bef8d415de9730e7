import Glibc
import Testing

@testable import ONNX

/// The bytes of files; what they compute is tried by `launch/onnx-test.sh`.
@Suite struct ModelFileTests {
  private static func graph() -> Graph {
    var graph = Graph()
    let x = graph.input("x", .float32, [.free("batch"), .size(2)])
    let weight = graph.tensor(TensorConstant("weight", shape: [2, 300], floats: (0..<600).map(Float.init)))
    graph.output("y", graph.node("MatMul", [x, weight]), .float32, [.free("batch"), .size(300)])
    return graph
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "rb"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 100_000)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    return bytes
  }

  @Test("numbers stand in the file, or beside it where the file would grow too large")
  func writesBeside() throws {
    var template = Array("/tmp/onnx-XXXXXX".utf8CString)
    let folder = String(cString: try #require(mkdtemp(&template)))
    defer {
      for name in ["whole.onnx", "parted.onnx", "parted.onnx_data"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    let file = ModelFile(Self.graph(), producerVersion: "1")
    let numbers = (0..<600).map(Float.init).withUnsafeBytes { Array($0) }
    #expect(try file.write(to: "\(folder)/whole.onnx") == bytes("\(folder)/whole.onnx").count)
    #expect(try bytes("\(folder)/whole.onnx").suffix(2400).elementsEqual(numbers))

    let written = try file.write(to: "\(folder)/parted.onnx", largest: 2399)
    #expect(try bytes("\(folder)/parted.onnx_data") == numbers)
    let parted = try bytes("\(folder)/parted.onnx")
    #expect(written == parted.count + numbers.count && parted.count < 400)
    let text = String(decoding: parted, as: UTF8.self)
    for word in ["location", "parted.onnx_data", "offset", "length", "2400"] { #expect(text.contains(word), "\(word)") }
  }
}
