import Encoders
import Kernels
import Text

/// The order of a sentence's values in its entry: logits; hidden states (length, hidden) by layer; values
/// (length, hidden) by layer; attention scores (heads, length, length) by layer. Nothing is padded.
struct EntryLayout: Sendable {
  private let hidden: [Int]
  private let scores: [Int]
  private let values: [Int]
  private let classes: Int
  private let width: Int
  private let heads: Int

  init(_ configuration: EncoderConfiguration, taps: TapSelection) {
    hidden = taps.hidden.sorted()
    scores = taps.scores.sorted()
    values = taps.values.sorted()
    classes = taps.logits ? configuration.labels.count : 0
    width = configuration.hiddenSize
    heads = configuration.heads
  }

  /// The number of values of a sentence; `nil` where there are more than any memory holds.
  func count(length: Int) -> Int? {
    let rows = length.multipliedReportingOverflow(by: width * (hidden.count + values.count))
    let pairs = length.multipliedReportingOverflow(by: length)
    let maps = pairs.partialValue.multipliedReportingOverflow(by: heads * scores.count)
    guard length >= 0, !rows.overflow, !pairs.overflow, !maps.overflow,
      max(rows.partialValue, maps.partialValue) < 1 << 48
    else { return nil }
    return classes + rows.partialValue + maps.partialValue
  }

  /// Taps of a batch to be filled, in `arena`.
  func allocate(_ batch: Batch, arena: Arena) -> Taps {
    let tokens = batch.tokens.count
    func byLayer<Tap>(_ layers: [Int], _ make: () -> Tap) -> [Int: Tap] {
      Dictionary(uniqueKeysWithValues: layers.map { ($0, make()) })
    }
    return Taps(
      logits: classes > 0 ? arena.matrix(batch.sentences, classes) : nil,
      hidden: byLayer(hidden) { arena.matrix(tokens, width) },
      scores: byLayer(scores) { AttentionMaps(batch, heads: heads, arena: arena) },
      values: byLayer(values) { arena.matrix(tokens, width) })
  }

  /// Calls `body` for every piece of a sentence's values that is contiguous in the taps, in the order of the entry,
  /// with how many floats after it are padding.
  private func forEachPiece(
    of sentence: Int, in batch: Batch, _ taps: Taps,
    _ body: (_ base: UnsafeMutablePointer<Float>, _ count: Int, _ padding: Int) -> Void
  ) {
    func pieces(_ matrix: Matrix) {
      if matrix.isContiguous { return body(matrix.base, matrix.count, 0) }
      for row in 0..<matrix.rows { body(matrix.base + row * matrix.stride, matrix.columns, 0) }
    }
    let rows = batch.starts[sentence]..<batch.starts[sentence + 1]
    if classes > 0, let logits = taps.logits { pieces(logits.rows(sentence..<sentence + 1)) }
    for layer in hidden { pieces(taps.hidden[layer]!.rows(rows)) }
    for layer in values { pieces(taps.values[layer]!.rows(rows)) }
    for layer in scores {
      for head in 0..<heads {
        let map = taps.scores[layer]!.map(sentence: sentence, head: head)
        for row in 0..<map.rows { body(map.base + row * map.stride, map.columns, map.stride - map.columns) }
      }
    }
  }

  /// Writes a sentence's values as bytes.
  ///
  /// - Returns: the precision they are in: what was asked for, unless that cannot hold them.
  func encode(
    _ sentence: Int, of batch: Batch, _ taps: Taps, precision: TeacherCacheSettings.Precision,
    to bytes: UnsafeMutableRawPointer
  ) -> TeacherCacheSettings.Precision {
    var target = bytes
    if precision == .fp16 {
      var fits = true
      forEachPiece(of: sentence, in: batch, taps) { base, count, _ in
        guard fits else { return }
        fits = encodeHalves(target, from: base, count: count)
        target += count * precision.bytesEach
      }
      if fits { return .fp16 }
      target = bytes
    }
    forEachPiece(of: sentence, in: batch, taps) { base, count, _ in
      target.copyMemory(from: base, byteCount: count * TeacherCacheSettings.Precision.fp32.bytesEach)
      target += count * TeacherCacheSettings.Precision.fp32.bytesEach
    }
    return .fp32
  }

  /// Fills a sentence's values from the bytes that `encode` wrote, of which there are as many as the precision needs.
  func decode(
    _ bytes: UnsafeRawPointer, precision: TeacherCacheSettings.Precision, to sentence: Int, of batch: Batch,
    _ taps: Taps
  ) {
    var source = bytes
    forEachPiece(of: sentence, in: batch, taps) { base, count, padding in
      switch precision {
      case .fp16: decodeHalves(base, from: source, count: count)
      case .fp32: UnsafeMutableRawPointer(base).copyMemory(from: source, byteCount: count * precision.bytesEach)
      }
      // Zeros, as the forward pass leaves them.
      if padding > 0 { (base + count).update(repeating: 0, count: padding) }
      source += count * precision.bytesEach
    }
  }
}

extension TeacherCacheSettings.Precision {
  var bytesEach: Int { self == .fp16 ? 2 : 4 }
}
