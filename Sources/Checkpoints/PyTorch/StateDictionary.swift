import JSON

/// The tensors of a state dictionary, and the storages they are views of.
struct StateDictionary {
  /// A storage as the pickle describes it.
  struct Storage: Equatable {
    let type: TensorType
    let count: Int
    var byteCount: Int { count * type.size }
  }

  let storages: [String: Storage]
  private let tensors: [(name: String, view: TensorView, storage: StorageReference)]

  /// - Parameter value: What the pickle with the tensors in it holds.
  init(_ value: PickleValue, _ heap: PickleHeap) throws(PyTorchProblem) {
    guard case .dictionary(let place) = value else {
      throw PyTorchProblem(
        "expected a dictionary of tensors, found \(value.summary); save the model's state_dict() alone")
    }
    var tensors: [(name: String, view: TensorView, storage: StorageReference)] = []
    for (key, value) in heap.dictionaries[place].items {
      guard case .text(let name) = key else {
        throw PyTorchProblem("expected the name of a tensor, found \(key.summary)")
      }
      guard case .tensor(let tensor) = value else {
        throw PyTorchProblem(
          "\(name.escapedForDisplay): expected a tensor, found \(value.summary); save the model's state_dict() alone")
      }
      let view = heap.tensors[tensor]
      tensors.append((name, view, heap.storages[view.storage]))
    }
    self.tensors = tensors
    var storages: [String: Storage] = [:]
    for reference in heap.storages {
      let storage = Storage(type: reference.type, count: reference.count)
      if let other = storages.updateValue(storage, forKey: reference.key), other != storage {
        throw PyTorchProblem(
          "storage \(reference.key.escapedForDisplay): expected one type and size, found \(other.type.rawValue) × "
            + "\(other.count) and \(storage.type.rawValue) × \(storage.count)")
      }
    }
    self.storages = storages
  }

  /// The storage of each tensor, by its name.
  var storageKeys: [String: String] {
    Dictionary(tensors.map { ($0.name, $0.storage.key) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensors in the order of their bytes.
  /// - Parameter starts: Where in the file each storage starts, whose bytes the caller knows to be there.
  func descriptions(_ starts: [String: Int]) throws(PyTorchProblem) -> [TensorDescription] {
    var descriptions: [TensorDescription] = []
    for (name, view, storage) in tensors {
      guard let start = starts[storage.key] else {
        throw PyTorchProblem("\(name.escapedForDisplay): storage \(storage.key.escapedForDisplay) is not in the file")
      }
      do {
        descriptions.append(try Self.description(name, view, storage, start))
      } catch {
        throw PyTorchProblem("\(name.escapedForDisplay): \(error.text)")
      }
    }
    return descriptions.sorted { ($0.range.lowerBound, $0.name) < ($1.range.lowerBound, $1.name) }
  }

  private static func description(
    _ name: String, _ view: TensorView, _ storage: StorageReference, _ start: Int
  ) throws(PyTorchProblem) -> TensorDescription {
    guard view.shape.count == view.strides.count, view.shape.allSatisfy({ $0 >= 0 }),
      let count = product(view.shape), count <= TensorDescription.maximumCount
    else {
      throw PyTorchProblem(
        "expected at most \(TensorDescription.maximumCount) elements and a stride for each dimension, found size "
          + "\(view.shape) and strides \(view.strides)")
    }
    var end = 0
    if count > 0 {
      guard let extent = Self.extent(view), extent <= storage.part.count - view.offset else {
        throw PyTorchProblem(
          "expected elements within a storage of \(storage.part.count), found offset \(view.offset), size "
            + "\(view.shape) and strides \(view.strides)")
      }
      end = extent
    }
    let first = start + (storage.part.lowerBound + (count > 0 ? view.offset : 0)) * storage.type.size
    return TensorDescription(
      name: name, type: storage.type, shape: view.shape, count: count, range: first..<first + end * storage.type.size,
      strides: Self.isRowMajor(view) || count == 0 ? nil : view.strides)
  }

  /// How many elements lie from the first to the last, or `nil` where offset or strides are out of any bounds.
  private static func extent(_ view: TensorView) -> Int? {
    let bounds = 0...TensorDescription.maximumCount
    guard bounds.contains(view.offset) else { return nil }
    var extent = 1
    for (size, stride) in zip(view.shape, view.strides) where size > 1 {
      guard bounds.contains(stride) else { return nil }
      // Each factor is below 2³¹, and the sum is checked as it grows.
      extent += (size - 1) * stride
      guard bounds.contains(extent) else { return nil }
    }
    return extent
  }

  private static func isRowMajor(_ view: TensorView) -> Bool {
    var expected = 1
    for (size, stride) in zip(view.shape, view.strides).reversed() where size != 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }
}
