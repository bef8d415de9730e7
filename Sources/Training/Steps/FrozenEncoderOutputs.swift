import Encoders
import Kernels
import Text

/// What a frozen encoder gave for each row of a dataset: a stage that trains the head alone runs it once a row.
///
/// `@unchecked Sendable`: a row is in one micro-batch of a step, so one worker reads and writes its place.
package final class FrozenEncoderOutputs: @unchecked Sendable {
  private let slot: Slot
  /// The last layer's output at each row's first token. (rows, hidden)
  private let outputs: ParameterBuffer
  private let isKnown: UnsafeMutableBufferPointer<Bool>

  private init(rows: Int, width: Int) {
    var layout = ParameterLayout()
    slot = layout.add("outputs", [rows, width], decays: false)
    outputs = ParameterBuffer(layout, for: "the frozen encoder's outputs")
    isKnown = .allocate(capacity: rows)
    isKnown.initialize(repeating: false)
  }

  deinit { isKnown.deallocate() }

  /// - Returns: `nil` where the encoder gives something else each time, or where more of it is read than its head does.
  static func forHead(of encoder: Encoder, taps: TapSelection, rows: Int) -> FrozenEncoderOutputs? {
    guard areEnough(for: taps, of: encoder.configuration) else { return nil }
    return FrozenEncoderOutputs(rows: rows, width: encoder.configuration.hiddenSize)
  }

  static func areEnough(for taps: TapSelection, of configuration: EncoderConfiguration) -> Bool {
    taps.readsHeadOnly && configuration.problem != .tokens && !configuration.backboneDrops
  }

  /// The outputs of a micro-batch, computed unless all of it is known. (sentences, hidden)
  func outputs(of batch: Batch, encoder: Encoder, weights: ParameterBuffer, arena: Arena) -> Matrix {
    let all = outputs[slot]
    if !batch.samples.allSatisfy({ isKnown[$0] }) {
      let mark = arena.mark
      let computed = encoder.firstTokens(batch, weights: weights, arena: arena)
      for (sentence, sample) in batch.samples.enumerated() {
        all.rows(sample..<sample + 1).copy(from: computed.rows(sentence..<sentence + 1))
        isKnown[sample] = true
      }
      arena.reset(to: mark)
    }
    let out = arena.matrix(batch.sentences, slot.columns)
    for (sentence, sample) in batch.samples.enumerated() {
      out.rows(sentence..<sentence + 1).copy(from: all.rows(sample..<sample + 1))
    }
    return out
  }
}
