import Kernels
import Text

/// A layer's queries, keys and values, or their gradients: as few products as what is wanted of the layer allows.
struct QKV {
  /// What is read of the layer, by what lies above or by taps.
  struct Need {
    /// Whose queries; `nil` where nobody asks.
    let queries: OutputRows?
    let keys: Bool
    let values: Bool

    static let everything = Need(queries: .all, keys: true, values: true)

    /// What is computed, in the order of the stacked weight's rows.
    var parts: [(index: Int, rows: OutputRows)] {
      let rows = [queries, keys ? .all : nil, values ? .all : nil]
      return rows.indices.compactMap { index in rows[index].map { (index, $0) } }
    }
  }

  /// One product: some of the stacked weight's rows, over all tokens or the first ones.
  private struct Block {
    let matrix: Matrix
    /// Of the (3·hidden, hidden) weight.
    let weightRows: Range<Int>
    let rows: OutputRows
  }

  let parts: SelfAttention.Projections
  private let blocks: [Block]
  private let slots: AffineSlots

  init(_ need: Need, slots: AffineSlots, _ context: PassContext) {
    self.slots = slots
    let width = slots.weight.columns
    // Neighbours of the same rows are one product.
    var runs: [(first: Int, count: Int, rows: OutputRows)] = []
    for part in need.parts {
      if let last = runs.last, last.rows == part.rows, last.first + last.count == part.index {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((part.index, 1, part.rows))
      }
    }
    let none = Matrix(base: context.arena.allocate(0), rows: 0, columns: width)
    var matrices = [none, none, none]
    blocks = runs.map { first, count, rows in
      let matrix = context.arena.matrix(rows.count(in: context.batch), count * width)
      for index in 0..<count { matrices[first + index] = matrix.columns(index * width..<(index + 1) * width) }
      return Block(matrix: matrix, weightRows: first * width..<(first + count) * width, rows: rows)
    }
    parts = .init(queries: matrices[0], keys: matrices[1], values: matrices[2])
  }

  /// parts = input·W + b. input: (tokens, hidden)
  func forward(input: Matrix, _ context: PassContext) {
    for block in blocks {
      context.linear(
        out: block.matrix, input: block.rows.rows(of: input, context),
        context.weight(slots.weight, rows: block.weightRows),
        bias: slots.bias.map { context.weights[$0].columns(block.weightRows) })
    }
  }

  func fill(_ value: Float) { for block in blocks { block.matrix.fill(value) } }

  /// Adds to `dInput` and to the parameters' gradients, given `d`, made for the same need. Forward: parts = input·W + b.
  func backward(_ d: QKV, dInput: Matrix, input: Matrix, gradient: ParameterBuffer, _ context: PassContext) {
    let (dWeight, isStale) =
      d.blocks.count == 1 && d.blocks[0].weightRows == 0..<slots.weight.rows
      ? gradient.addend(slots.weight) : (gradient[slots.weight], false)
    for dBlock in d.blocks {
      let isWhole = dBlock.rows == .all
      let dRows = isWhole ? dInput : context.arena.matrix(dBlock.matrix.rows, dInput.columns)
      linearBackward(
        dInput: dRows, accumulate: isWhole, dWeight: dWeight.rows(dBlock.weightRows), isStale: isStale,
        dBias: slots.bias.map { gradient[$0].columns(dBlock.weightRows) }, dOut: dBlock.matrix,
        input: dBlock.rows.rows(of: input, context), weight: context.weight(slots.weight, rows: dBlock.weightRows),
        arena: context.arena)
      if !isWhole { dBlock.rows.add(dRows, to: dInput, context) }
    }
  }
}
