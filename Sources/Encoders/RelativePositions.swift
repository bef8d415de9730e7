import Glibc
import Kernels
import Text

/// What a pass's layers share of DeBERTa's relative positions: the table's rows that its longest sentence needs, and
/// which row belongs to a distance.
struct RelativePositions {
  /// Of the table.
  let rows: Range<Int>
  /// These rows, normalized where the table is. (rows, hidden)
  let table: Matrix
  /// Before the norm.
  private let raw: Matrix
  private let statistics: LayerNormStatistics?
  /// Of `table` upside down, by key − query.
  let keyColumns: DistanceColumns
  /// Of `table`, by query − key.
  let queryColumns: DistanceColumns

  init?(_ configuration: EncoderConfiguration, slots: EncoderParameters, _ context: PassContext) {
    guard let slot = slots.relativePositions, let disentanglement = configuration.disentanglement else { return nil }
    let arena = context.arena
    let span = configuration.positionSpan
    let longest = max(0, ((0..<context.batch.sentences).map(context.batch.length).max() ?? 1) - 1)
    func row(_ distance: Int) -> Int {
      let bucket = disentanglement.bucket(distance, maxDistance: configuration.maxDistance)
      return min(max(bucket + span, 0), 2 * span - 1)
    }
    let rows = row(-longest)..<row(longest) + 1
    self.rows = rows
    raw = context.weights[slot].rows(rows)
    if let norm = slots.relativePositionsNorm {
      let normalized = arena.matrix(rows.count, raw.columns)
      let statistics = LayerNormStatistics(rows: rows.count, arena: arena)
      context.layerNorm(out: normalized, sum: raw, residual: nil, norm, configuration, statistics)
      (table, self.statistics) = (normalized, statistics)
    } else {
      (table, statistics) = (raw, nil)
    }
    keyColumns = DistanceColumns(longest: longest, arena: arena) { rows.upperBound - 1 - row(-$0) }
    queryColumns = DistanceColumns(longest: longest, arena: arena) { row($0) - rows.lowerBound }
  }

  /// Adds the gradient of `table`, which is used up, to the parameters'.
  func backward(dTable: Matrix, slots: EncoderParameters, _ gradient: ParameterBuffer, _ context: PassContext) {
    guard let slot = slots.relativePositions else { return }
    if let norm = slots.relativePositionsNorm, let statistics {
      // table = LayerNorm(raw)
      context.layerNormBackward(d: dTable, sum: raw, norm, gradient, statistics)
    }
    add(dTable, to: gradient[slot].rows(rows))
  }
}

extension EncoderConfiguration {
  var disentanglement: Disentanglement? {
    if case .disentangled(let disentanglement) = attentionPositions { disentanglement } else { nil }
  }

  /// The farthest distance that the table knows, before it is shortened to buckets.
  var maxDistance: Int {
    let own = disentanglement?.maxDistance ?? 0
    return own > 0 ? own : maxPositions
  }

  /// Half of the table's rows.
  var positionSpan: Int {
    let buckets = disentanglement?.buckets ?? 0
    return buckets > 0 ? buckets : maxDistance
  }
}

extension Disentanglement {
  /// query − key as it is up to half of the buckets, then shortened by logarithms (transformers'
  /// `make_log_bucket_position`); as it is where there are no buckets.
  func bucket(_ distance: Int, maxDistance: Int) -> Int {
    let middle = buckets / 2
    guard buckets > 0, abs(distance) > middle else { return distance }
    // In 32 bits, as there.
    let length = logf(Float(Double(abs(distance)) / Double(middle)))
    let whole = logf(Float(Double(maxDistance - 1) / Double(middle)))
    let bucket = Int((length / whole * Float(middle - 1)).rounded(.up)) + middle
    return distance < 0 ? -bucket : bucket
  }
}

/// What one layer's scores get for relative positions, for query i and key j at row r(i − j) of the table:
///
///     scores[i, j] += scale·(Qᵢ·positionKeys[r] + Kⱼ·positionQueries[r])
///
/// with keys and queries of positions as linear maps of the table.
struct DisentangledScores {
  let configuration: EncoderConfiguration
  let slots: LayerSlots
  /// From 0.
  let layer: Int
  private let positions: RelativePositions
  /// The table after this layer's dropout. (rows, hidden)
  private let dropped: Matrix
  /// Upside down, so that columns of a product with it rise from key to key. (rows, hidden)
  private let keys: Matrix?
  /// (rows, hidden)
  private let queries: Matrix?
  /// Each head's, transposed. (headSize, rows)
  private let keyTiles: [Matrix]
  private let queryTiles: [Matrix]

  private var headSize: Int { configuration.headSize }
  private var headsAreTiles: Bool { tileStride(headSize) == headSize }
  private func columns(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }

  init?(_ configuration: EncoderConfiguration, slots: LayerSlots, layer: Int, _ context: PassContext) {
    guard let positions = context.relativePositions, let kinds = configuration.disentanglement else { return nil }
    let arena = context.arena
    let (rows, width, headSize) = (positions.rows.count, configuration.hiddenSize, configuration.headSize)
    self.configuration = configuration
    self.slots = slots
    self.layer = layer
    self.positions = positions
    var dropped = positions.table
    if context.dropoutKey != nil, configuration.hiddenDropout > 0 {
      dropped = arena.matrix(rows, width)
      dropped.copy(from: positions.table)
      Self.drop(dropped, positions, layer, configuration, context)
    }
    self.dropped = dropped
    func map(_ own: AffineSlots?, _ part: Int) -> Matrix {
      let out = arena.matrix(rows, width)
      let (weight, bias) = Self.parameters(own, part, slots, width)
      linearForward(
        out: out, input: dropped, weight: context.weight(weight.slot, rows: weight.rows),
        bias: bias.map { context.weights[$0.slot].columns($0.columns) }, arena: arena)
      return out
    }
    func tiles(_ matrix: Matrix?) -> [Matrix] {
      guard let matrix else { return [] }
      return (0..<configuration.heads).map { head in
        let tile = arena.tile(headSize, rows)
        transposeTile(tile, from: matrix.columns(head * headSize..<(head + 1) * headSize))
        return tile
      }
    }
    keys = kinds.contentToPosition ? Self.upsideDown(map(slots.positionKeys, 1), arena) : nil
    queries = kinds.positionToContent ? map(slots.positionQueries, 0) : nil
    keyTiles = tiles(keys)
    queryTiles = tiles(queries)
  }

  /// The rows of the content's maps that positions share, or their own map's.
  static func parameters(
    _ own: AffineSlots?, _ part: Int, _ slots: LayerSlots, _ width: Int
  ) -> (weight: (slot: Slot, rows: Range<Int>), bias: (slot: Slot, columns: Range<Int>)?) {
    let maps = own ?? slots.qkv
    let rows = own == nil ? part * width..<(part + 1) * width : 0..<width
    return ((maps.weight, rows), maps.bias.map { ($0, rows) })
  }

  private static func upsideDown(_ matrix: Matrix, _ arena: Arena) -> Matrix {
    let out = arena.matrix(matrix.rows, matrix.columns)
    for row in 0..<matrix.rows {
      out.rows(row..<row + 1).copy(from: matrix.rows(matrix.rows - 1 - row..<matrix.rows - row))
    }
    return out
  }

  /// The same for every sentence of a step, wherever it is computed, and so by the table's rows.
  private static func drop(
    _ x: Matrix, _ positions: RelativePositions, _ layer: Int, _ configuration: EncoderConfiguration,
    _ context: PassContext
  ) {
    guard let key = context.dropoutKey else { return }
    for row in 0..<x.rows {
      dropout(
        x.rows(row..<row + 1), rate: configuration.hiddenDropout, key: key, sample: Int(UInt32.max),
        site: DropoutSite.relativePositions(layer: layer), part: positions.rows.lowerBound + row)
    }
  }

  /// - Parameters:
  ///   - scores: of one sentence and head, of queries from the first token on. (queries, length)
  ///   - queries: (queries, headSize)
  ///   - keys: (length, headSize)
  func forward(_ scores: Matrix, head: Int, queries: Matrix, keys: Matrix, scale: Float, arena: Arena) {
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    if self.keys != nil {
      let rows = positions.keyColumns.columns(length: scores.columns)
      let product = arena.tile(scores.rows, rows.count)
      tileProduct(product, queries, .no, keyTiles[head].columns(rows), scale: scale)
      addByDistanceForward(out: scores, product, positions.keyColumns, first: rows.lowerBound)
    }
    if self.queries != nil {
      let rows = positions.queryColumns.columns(length: scores.columns)
      let product = arena.tile(scores.columns, rows.count)
      tileProduct(product, keys, .no, queryTiles[head].columns(rows), scale: scale)
      addByDistanceTransposedForward(out: scores, product, positions.queryColumns, first: rows.lowerBound)
    }
  }

  // MARK: Backward

  /// The gradients of positions' keys, upside down, and queries. (rows, hidden)
  struct Gradient {
    fileprivate let dKeys: Matrix?
    fileprivate let dQueries: Matrix?
  }

  func makeGradient(arena: Arena) -> Gradient {
    Gradient(
      dKeys: keys.map { arena.zeros($0.rows, $0.columns) }, dQueries: queries.map { arena.zeros($0.rows, $0.columns) })
  }

  /// Adds to the gradients of queries and keys, of which the shapes are as in `forward`, and of positions.
  ///
  /// Forward: scores[i, j] += scale·(Qᵢ·positionKeys[r] + Kⱼ·positionQueries[r])
  func backward(
    _ gradient: Gradient, dScores: Matrix, head: Int, queries: Matrix, keys: Matrix, dQueries: Matrix, dKeys: Matrix,
    scale: Float, arena: Arena
  ) {
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let columns = columns(head)
    if let positionKeys = self.keys, let dPositionKeys = gradient.dKeys {
      let rows = positions.keyColumns.columns(length: dScores.columns)
      let dProduct = zeroTile(dScores.rows, rows.count, arena)
      addByDistanceBackward(dX: dProduct, dOut: dScores, positions.keyColumns, first: rows.lowerBound)
      // product = Q·positionKeysᵀ·scale
      add(dProduct, .no, positionKeys.rows(rows).columns(columns), to: dQueries, scale: scale, arena)
      add(dProduct, .yes, queries, to: dPositionKeys.rows(rows).columns(columns), scale: scale, arena)
    }
    if let positionQueries = self.queries, let dPositionQueries = gradient.dQueries {
      let rows = positions.queryColumns.columns(length: dScores.columns)
      let dProduct = zeroTile(dScores.columns, rows.count, arena)
      addByDistanceTransposedBackward(dX: dProduct, dOut: dScores, positions.queryColumns, first: rows.lowerBound)
      // product = K·positionQueriesᵀ·scale
      add(dProduct, .no, positionQueries.rows(rows).columns(columns), to: dKeys, scale: scale, arena)
      add(dProduct, .yes, keys, to: dPositionQueries.rows(rows).columns(columns), scale: scale, arena)
    }
  }

  private func zeroTile(_ rows: Int, _ columns: Int, _ arena: Arena) -> Matrix {
    let tile = arena.tile(rows, columns)
    tile.base.update(repeating: 0, count: tile.rows * tile.stride)
    return tile
  }

  /// out += scale·op(a)·b, out and b a head's columns.
  private func add(
    _ a: Matrix, _ transpose: Transpose, _ b: Matrix, to out: Matrix, scale: Float, _ arena: Arena
  ) {
    guard !headsAreTiles else { return tileProduct(out, a, transpose, b, scale: scale, accumulate: true) }
    let tile = arena.tile(b.rows, b.columns)
    gatherTile(tile, from: b)
    let product = arena.tile(out.rows, out.columns)
    tileProduct(product, a, transpose, tile, scale: scale)
    Kernels.add(product, to: out)
  }

  /// Adds to the gradients of this layer's maps and of the table.
  func finish(_ gradient: Gradient, dTable: Matrix, parameters buffer: ParameterBuffer, _ context: PassContext) {
    let arena = context.arena
    let dDropped = arena.zeros(dropped.rows, dropped.columns)
    func mapBackward(_ d: Matrix, _ own: AffineSlots?, _ part: Int) {
      let (weight, bias) = Self.parameters(own, part, slots, configuration.hiddenSize)
      linearBackward(
        dInput: dDropped, accumulate: true, dWeight: buffer[weight.slot].rows(weight.rows),
        dBias: bias.map { buffer[$0.slot].columns($0.columns) }, dOut: d, input: dropped,
        weight: context.weight(weight.slot, rows: weight.rows), arena: arena)
    }
    if let dKeys = gradient.dKeys { mapBackward(Self.upsideDown(dKeys, arena), slots.positionKeys, 1) }
    if let dQueries = gradient.dQueries { mapBackward(dQueries, slots.positionQueries, 0) }
    // dropped = dropout(table)
    if configuration.hiddenDropout > 0 { Self.drop(dDropped, positions, layer, configuration, context) }
    Kernels.add(dDropped, to: dTable)
  }
}
