/// Where one parameter lies in a `ParameterBuffer`: a matrix, or a vector as one row.
package struct Slot: Sendable, Equatable {
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

/// The parameters of a model end to end, named by their Hugging Face checkpoint keys.
///
/// Weights, gradients and both Adam moments share one layout, so an offset means the same parameter in each.
package struct ParameterLayout: Sendable {
  package struct Entry: Sendable {
    /// The checkpoint key, for example `bert.encoder.layer.0.attention.self.query.weight`.
    package let key: String
    package let shape: [Int]
    package let slot: Slot
    /// Whether weight decay applies: not to biases and LayerNorm.
    package let decays: Bool
  }

  package private(set) var entries: [Entry] = []
  package private(set) var count = 0
  private var indices: [String: Int] = [:]

  package init() {}

  /// Appends a parameter of one or two dimensions and returns its place.
  package mutating func add(_ key: String, _ shape: [Int], decays: Bool) -> Slot {
    precondition(shape.count == 1 || shape.count == 2, "\(key): a parameter has one or two dimensions")
    precondition(indices[key] == nil, "\(key): added twice")
    let slot = Slot(offset: count, rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1])
    indices[key] = entries.count
    entries.append(Entry(key: key, shape: shape, slot: slot, decays: decays))
    count += slot.count
    return slot
  }

  package subscript(key: String) -> Entry? { indices[key].map { entries[$0] } }
}
