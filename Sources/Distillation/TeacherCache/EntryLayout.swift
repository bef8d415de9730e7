import Encoders
import Kernels
import Text

/// A sentence's values in its entry: tap after tap in their order, each as its shape says. Nothing is padded.
struct EntryLayout: Sendable {
  private let taps: [(tap: Tap, shape: Tap.Shape)]

  init(_ configuration: EncoderConfiguration, taps: TapSelection) {
    self.taps = taps.inOrder.map { ($0, $0.shape(in: configuration)) }
  }

  /// The number of values of a sentence; `nil` where there are more than any memory holds.
  func count(length: Int) -> Int? {
    var total = 0
    for (_, shape) in taps {
      guard let count = shape.count(length: length), total + count < 1 << 48 else { return nil }
      total += count
    }
    return total
  }

  /// Taps of a batch to be filled, in `arena`.
  func allocate(_ batch: Batch, arena: Arena) -> Taps {
    Taps(Dictionary(uniqueKeysWithValues: taps.map { ($0.tap, $0.shape.allocate(batch, arena: arena)) }))
  }

  /// Calls `body` for every piece of a sentence's values that is contiguous in the taps, in the order of the entry,
  /// with how many floats after it are padding.
  private func forEachPiece(
    of sentence: Int, in batch: Batch, _ values: Taps,
    _ body: (_ base: UnsafeMutablePointer<Float>, _ count: Int, _ padding: Int) -> Void
  ) {
    func pieces(_ matrix: Matrix) {
      if matrix.isContiguous { return body(matrix.base, matrix.count, 0) }
      for row in 0..<matrix.rows { body(matrix.base + row * matrix.stride, matrix.columns, 0) }
    }
    let rows = batch.starts[sentence]..<batch.starts[sentence + 1]
    for (tap, shape) in taps {
      switch shape {
      case .tokens, .heads: pieces(values.matrix(tap).rows(rows))
      case .sentences: pieces(values.matrix(tap).rows(sentence..<sentence + 1))
      case .maps(let heads):
        for head in 0..<heads {
          let map = values.maps(tap).map(sentence: sentence, head: head)
          for row in 0..<map.rows { body(map.base + row * map.stride, map.columns, map.stride - map.columns) }
        }
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
