import Kernels
import Text

/// A layer's queries, keys and values, or their gradients: as few products as what is wanted of the layer allows.
struct QKV {
  /// What the layer is run for.
  enum Need {
    /// Its output.
    case everything
    /// Its output at each sentence's first token.
    case firstQueries
    /// A tap on its attention scores, and nothing above.
    case queriesAndKeys
    /// A tap on its values, and nothing above.
    case values
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
    func block(_ first: Int, _ count: Int, _ rows: OutputRows = .all) -> Block {
      Block(
        matrix: context.arena.matrix(rows.count(in: context.batch), count * width),
        weightRows: first * width..<(first + count) * width, rows: rows)
    }
    func part(_ block: Block, _ index: Int) -> Matrix { block.matrix.columns(index * width..<(index + 1) * width) }
    let none = Matrix(base: context.arena.allocate(0), rows: 0, columns: width)
    switch need {
    case .everything:
      let all = block(0, 3)
      blocks = [all]
      parts = .init(queries: part(all, 0), keys: part(all, 1), values: part(all, 2))
    case .firstQueries:
      let queries = block(0, 1, .first)
      let others = block(1, 2)
      blocks = [queries, others]
      parts = .init(queries: queries.matrix, keys: part(others, 0), values: part(others, 1))
    case .queriesAndKeys:
      let both = block(0, 2)
      blocks = [both]
      parts = .init(queries: part(both, 0), keys: part(both, 1), values: none)
    case .values:
      let values = block(2, 1)
      blocks = [values]
      parts = .init(queries: none, keys: none, values: values.matrix)
    }
  }

  /// parts = input·W + b. input: (tokens, hidden)
  func forward(input: Matrix, _ context: PassContext) {
    for block in blocks {
      linearForward(
        out: block.matrix, input: block.rows.rows(of: input, context),
        weight: context.weight(slots.weight, rows: block.weightRows),
        bias: context.weights[slots.bias].columns(block.weightRows), arena: context.arena)
    }
  }

  func fill(_ value: Float) { for block in blocks { block.matrix.fill(value) } }

  /// Adds to `dInput` and to the parameters' gradients, given `d`, made for the same need. Forward: parts = input·W + b.
  func backward(_ d: QKV, dInput: Matrix, input: Matrix, gradient: ParameterBuffer, _ context: PassContext) {
    for dBlock in d.blocks {
      let isWhole = dBlock.rows == .all
      let dRows = isWhole ? dInput : context.arena.matrix(dBlock.matrix.rows, dInput.columns)
      linearBackward(
        dInput: dRows, accumulate: isWhole, dWeight: gradient[slots.weight].rows(dBlock.weightRows),
        dBias: gradient[slots.bias].columns(dBlock.weightRows), dOut: dBlock.matrix,
        input: dBlock.rows.rows(of: input, context), weight: context.weights[slots.weight].rows(dBlock.weightRows),
        arena: context.arena)
      if !isWhole { dBlock.rows.add(dRows, to: dInput, context) }
    }
  }
}
