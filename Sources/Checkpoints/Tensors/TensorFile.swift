/// A file of named tensors, open for reading.
package protocol TensorFile: Sendable {
  var path: String { get }
  /// In the order of their bytes.
  var tensors: [TensorDescription] { get }
  /// What the file says of itself.
  var metadata: [String: String] { get }
  subscript(name: String) -> TensorDescription? { get }

  /// Reads a tensor of any floating-point type, in row-major order, converting its elements.
  /// - Parameter destination: As many floats as the tensor has elements.
  func read(_ tensor: TensorDescription, into destination: UnsafeMutableBufferPointer<Float>) throws(CheckpointError)
}

extension TensorFile {
  package func floats(_ tensor: TensorDescription) throws(CheckpointError) -> [Float] {
    var floats = [Float](repeating: 0, count: tensor.count)
    let result = floats.withUnsafeMutableBufferPointer { buffer in
      Result { () throws(CheckpointError) in try read(tensor, into: buffer) }
    }
    try result.get()
    return floats
  }
}

/// The kinds of files that hold a model's weights, the preferred one first.
package enum WeightsFormat: CaseIterable, Sendable {
  case safetensors, pyTorch

  /// By a file's name: what PyTorch writes has one of its usual endings.
  package init(of path: String) {
    self = ["bin", "pt", "pth"].contains(path.split(separator: ".").last) ? .pyTorch : .safetensors
  }

  /// What Hugging Face calls the only file of a model.
  package var fileName: String {
    switch self {
    case .safetensors: "model.safetensors"
    case .pyTorch: "pytorch_model.bin"
    }
  }

  /// The list of the files of a model that is in several.
  package var indexName: String { fileName + ".index.json" }

  /// What the names of such files end in.
  var suffix: String {
    switch self {
    case .safetensors: ".safetensors"
    case .pyTorch: ".bin"
    }
  }

  /// Opens and validates a file; no tensor is read.
  package func open(_ path: String) throws(CheckpointError) -> any TensorFile {
    switch self {
    case .safetensors: try SafetensorsFile(path)
    case .pyTorch: try PyTorchFile(path)
    }
  }
}
