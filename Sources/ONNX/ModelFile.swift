import Checkpoints
import ProtocolBuffers

/// A graph as a file that ONNX Runtime and others open (onnx/onnx.proto, `ModelProto`).
package struct ModelFile {
  /// What operators mean: that of 2022, the first with LayerNormalization.
  package static let operatorSet = 17
  /// The format of the file that belongs to it.
  private static let formatVersion: Int64 = 8
  /// Protocol buffers end at 2 GiB: larger models keep their numbers in a file of its own.
  package static let largestMessage = 1 << 31 - 1 << 20

  private enum Field {
    static let formatVersion: UInt64 = 1
    static let producer: UInt64 = 2
    static let producerVersion: UInt64 = 3
    static let graph: UInt64 = 7
    static let operatorSet: UInt64 = 8
  }

  package let graph: Graph
  package let producerVersion: String

  package init(_ graph: Graph, producerVersion: String) {
    self.graph = graph
    self.producerVersion = producerVersion
  }

  /// Writes the file, and where the model is larger than `largest` bytes, its numbers beside it as `NAME_data`.
  ///
  /// - Returns: the bytes of both.
  @discardableResult
  package func write(to path: String, largest: Int = largestMessage) throws -> Int {
    let numbers = graph.initializers.reduce(0) { $0 + $1.byteCount }
    return try numbers <= largest ? writeWhole(to: path) : writeParted(to: path)
  }

  private var beginning: ProtocolMessage {
    var message = ProtocolMessage()
    message.add(Field.formatVersion, varint: Self.formatVersion)
    message.add(Field.producer, text: "distill-ddp")
    message.add(Field.producerVersion, text: producerVersion)
    // The domain of the default operators has no name.
    message.add(Field.operatorSet) { $0.add(2, varint: Int64(Self.operatorSet)) }
    return message
  }

  private func writeWhole(to path: String) throws -> Int {
    let nodes = graph.bytesWithoutInitializers
    let headers = graph.initializers.map { tensor in
      let header = tensor.header
      return Graph.header(ofInitializer: header.count + tensor.byteCount) + header
    }
    var message = beginning
    message.add(
      Field.graph,
      lengthOfBytes: zip(headers, graph.initializers).reduce(nodes.count) { $0 + $1.0.count + $1.1.byteCount })
    let file = try PendingFile(replacing: path)
    var offset = 0
    func append(_ bytes: [UInt8]) throws {
      try file.write(bytes, at: offset)
      offset += bytes.count
    }
    try append(message.bytes + nodes)
    for (header, tensor) in zip(headers, graph.initializers) {
      try append(header)
      try append(tensor.checkedData())
    }
    try file.commit()
    return offset
  }

  private func writeParted(to path: String) throws -> Int {
    let name = path.split(separator: "/").last.map { "\($0)_data" } ?? "model.onnx_data"
    let file = try PendingFile(replacing: "\(path)_data")
    var tensors: [UInt8] = []
    var offset = 0
    for tensor in graph.initializers {
      // Shapes and indices are read before the other file is.
      guard tensor.byteCount > 1024 else {
        let header = tensor.header
        tensors += Graph.header(ofInitializer: header.count + tensor.byteCount) + header
        tensors += try tensor.checkedData()
        continue
      }
      let bytes = tensor.bytes(inFile: name, offset: offset)
      tensors += Graph.header(ofInitializer: bytes.count) + bytes
      try file.write(tensor.checkedData(), at: offset)
      offset += tensor.byteCount
    }
    try file.commit()
    var message = beginning
    message.add(Field.graph, bytes: graph.bytesWithoutInitializers + tensors)
    try writeAtomically(message.bytes, to: path)
    return offset + message.bytes.count
  }
}

extension TensorConstant {
  fileprivate func checkedData() throws -> [UInt8] {
    let data = try data()
    precondition(data.count == byteCount, "\(name): \(data.count) bytes for a shape of \(byteCount)")
    return data
  }
}
