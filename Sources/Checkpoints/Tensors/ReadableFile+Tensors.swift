extension ReadableFile {
  /// How many elements are read at a time where they cannot be read in place.
  private static let chunk = 1 << 18

  /// Reads a tensor of any floating-point type, in row-major order, converting its elements.
  /// - Parameter destination: As many floats as the tensor has elements.
  func read(_ tensor: TensorDescription, into destination: UnsafeMutableBufferPointer<Float>) throws(CheckpointError) {
    precondition(destination.count == tensor.count, "\(tensor.name): destination of the wrong size")
    guard tensor.type.isFloatingPoint else {
      throw CheckpointError(
        path, "\(tensor.name.escapedForDisplay): expected F32, F16, BF16 or F64, found \(tensor.type.rawValue)")
    }
    if let strides = tensor.strides {
      guard tensor.count > 0 else { return }
      let gather = StridedGather(tensor, strides, file: self, into: destination)
      try gather.read()
    } else if tensor.type == .float32 {
      try read(into: UnsafeMutableRawBufferPointer(destination), at: tensor.range.lowerBound)
    } else {
      let scratch = ElementScratch(tensor.type, count: min(Self.chunk, tensor.count))
      defer { scratch.deallocate() }
      for start in stride(from: 0, to: tensor.count, by: Self.chunk) {
        let end = min(start + Self.chunk, tensor.count)
        try scratch.read(
          self, at: tensor.range.lowerBound + start * tensor.type.size,
          into: UnsafeMutableBufferPointer(rebasing: destination[start..<end]))
      }
    }
  }

  /// Reads the elements of a tensor that is a view of others' elements: transposed, sliced or repeated.
  ///
  /// From the largest stride to the smallest, so that the file is read forwards and in stretches of bounded size.
  private struct StridedGather {
    /// Size, stride in the file and stride in the destination, in elements. (dimensions)
    private let axes: [(size: Int, from: Int, to: Int)]
    private let file: ReadableFile
    private let type: TensorType
    private let start: Int
    private let destination: UnsafeMutableBufferPointer<Float>

    init(
      _ tensor: TensorDescription, _ strides: [Int], file: ReadableFile,
      into destination: UnsafeMutableBufferPointer<Float>
    ) {
      var to = 1
      var axes: [(size: Int, from: Int, to: Int)] = []
      for (size, from) in zip(tensor.shape, strides).reversed() {
        if size > 1 { axes.append((size, from, to)) }
        to *= size
      }
      self.axes = axes.sorted { $0.from > $1.from }
      self.file = file
      type = tensor.type
      start = tensor.range.lowerBound
      self.destination = destination
    }

    func read() throws(CheckpointError) {
      // A single element may be all there is, and at most one stretch is held.
      let scratch = ElementScratch(type, count: min(ReadableFile.chunk, extent(axes[...])))
      defer { scratch.deallocate() }
      let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: scratch.count)
      defer { floats.deallocate() }
      try read(axes[...], from: 0, to: 0, scratch, floats)
    }

    /// From the first element to behind the last.
    private func extent(_ axes: ArraySlice<(size: Int, from: Int, to: Int)>) -> Int {
      axes.reduce(1) { $0 + ($1.size - 1) * $1.from }
    }

    private func read(
      _ axes: ArraySlice<(size: Int, from: Int, to: Int)>, from: Int, to: Int, _ scratch: ElementScratch,
      _ floats: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
      guard let axis = axes.first, extent(axes) > floats.count else {
        let stretch = UnsafeMutableBufferPointer(rebasing: floats[..<extent(axes)])
        try scratch.read(file, at: start + from * type.size, into: stretch)
        return scatter(axes, floats, from: 0, to: to)
      }
      let inner = extent(axes.dropFirst())
      // As many along this axis as fit.
      let step = inner > floats.count ? 1 : (floats.count - inner) / axis.from + 1
      for first in stride(from: 0, to: axis.size, by: step) {
        let part: [(size: Int, from: Int, to: Int)] =
          step == 1 ? [] : [(min(step, axis.size - first), axis.from, axis.to)]
        try read(
          (part + axes.dropFirst())[...], from: from + first * axis.from, to: to + first * axis.to, scratch, floats)
      }
    }

    private func scatter(
      _ axes: ArraySlice<(size: Int, from: Int, to: Int)>, _ floats: UnsafeMutableBufferPointer<Float>, from: Int,
      to: Int
    ) {
      guard let axis = axes.first else {
        destination[to] = floats[from]
        return
      }
      guard axes.count > 1 else {
        for index in 0..<axis.size { destination[to + index * axis.to] = floats[from + index * axis.from] }
        return
      }
      for index in 0..<axis.size {
        scatter(axes.dropFirst(), floats, from: from + index * axis.from, to: to + index * axis.to)
      }
    }
  }
}

/// Room for elements of a file while they are converted.
private struct ElementScratch {
  private let type: TensorType
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ type: TensorType, count: Int) {
    self.type = type
    bytes = .allocate(byteCount: count * type.size, alignment: 16)
  }

  var count: Int { bytes.count / type.size }

  func deallocate() { bytes.deallocate() }

  /// Reads and converts as many elements as the destination has room for, at most `count`.
  func read(
    _ file: ReadableFile, at offset: Int, into destination: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<(destination.count * type.size)])
    try file.read(into: part, at: offset)
    type.widen(UnsafeRawBufferPointer(part), into: destination)
  }
}
