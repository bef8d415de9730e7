/// Where one parameter lies in a `ParameterBuffer`: a matrix, or a vector as one row.
package struct Slot: Sendable, Hashable {
  package let offset: Int
  package let rows: Int
  package let columns: Int

  package init(offset: Int, rows: Int, columns: Int) {
    self.offset = offset
    self.rows = rows
    self.columns = columns
  }

  package var count: Int { rows * columns }
}

/// What a parameter is part of.
package enum ParameterRole: Sendable {
  /// Embeddings and layers.
  case backbone
  /// Between backbone and head: files of the backbone alone may have it, and it is trained with the head.
  case pooler
  /// What makes predictions of the backbone's output.
  case head
  /// Trained with the model, but not part of it.
  case projection

  /// Whether `update: head` trains it.
  package var isOfHead: Bool { self == .pooler || self == .head }
}

/// What a parameter holds that was not read from a file.
package enum ParameterInitializer: Sendable, Equatable {
  case zeros
  case ones
  case normal(deviation: Float)
  /// In row p and columns 2i and 2i + 1 the sine and cosine of p / 10000^(2i / columns) (Vaswani et al., 2017).
  case sines
}

/// The parameters of a model end to end, named by their Hugging Face checkpoint keys.
///
/// Weights, gradients and both Adam moments share one layout, so an offset means the same parameter in each.
package struct ParameterLayout: Sendable {
  package struct Entry: Sendable {
    /// The checkpoint key, for example `bert.encoder.layer.0.attention.self.query.weight`.
    package let key: String
    package let shape: [Int]
    package let slot: Slot
    package let role: ParameterRole
    package let initializer: ParameterInitializer
    /// Whether weight decay applies: not to biases and LayerNorm.
    package let decays: Bool
    /// Whether it is a table of which a batch reads a few rows, so that only they have a gradient.
    package let isLookup: Bool
    /// The folder of a model's directory whose file has it, under the rest of the key, which begins with the folder's
    /// name: `2_Dense` of `2_Dense.linear.weight`. `nil` for the model's own file.
    package let folder: String?
    /// The peak learning rate in place of the run's.
    package fileprivate(set) var learningRate: Double?

    /// What the file that it is saved in calls it.
    package var nameInFile: String { folder.map { String(key.dropFirst($0.count + 1)) } ?? key }
  }

  package private(set) var entries: [Entry] = []
  package private(set) var count = 0
  private var indices: [String: Int] = [:]

  package init() {}

  /// Appends a parameter of one or two dimensions and returns its place.
  package mutating func add(
    _ key: String, _ shape: [Int], role: ParameterRole = .backbone, initializer: ParameterInitializer = .zeros,
    decays: Bool, isLookup: Bool = false, folder: String? = nil, learningRate: Double? = nil
  ) -> Slot {
    precondition(shape.count == 1 || shape.count == 2, "\(key): a parameter has one or two dimensions")
    precondition(indices[key] == nil, "\(key): added twice")
    precondition(folder.map { key.hasPrefix($0 + ".") } ?? true, "\(key): begins with the name of its folder")
    let slot = Slot(offset: count, rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1])
    indices[key] = entries.count
    entries.append(
      Entry(
        key: key, shape: shape, slot: slot, role: role, initializer: initializer, decays: decays, isLookup: isLookup,
        folder: folder, learningRate: learningRate))
    count += slot.count
    return slot
  }

  /// Replaces the learning rates of all parameters.
  package mutating func setLearningRates(_ rate: (Entry) -> Double?) {
    for index in entries.indices { entries[index].learningRate = rate(entries[index]) }
  }

  package subscript(key: String) -> Entry? { indices[key].map { entries[$0] } }

  /// The folders that hold a part of the model, each once.
  package var folders: [String] { Set(entries.compactMap(\.folder)).sorted() }
}
