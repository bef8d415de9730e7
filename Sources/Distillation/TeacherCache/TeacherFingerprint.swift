import Dispatch
import Encoders
import JSON
import Kernels
import Synchronization

/// What makes a teacher's features what they are: every weight, and the configuration that its forward pass reads.
package struct TeacherFingerprint: Sendable {
  let configuration: EncoderConfiguration
  /// Of the SHA-256 of each stretch of the weights as they lie in memory.
  let weights: SHA256

  /// 4 MiB: enough stretches to share a small model among threads.
  private static let stretch = 4 << 20

  /// Hashes the weights, which takes about half a second a gigabyte and thread.
  package init(_ configuration: EncoderConfiguration, weights: ParameterBuffer, threads: Int) {
    self.configuration = configuration
    let count = (weights.values.count * MemoryLayout<Float>.stride + Self.stretch - 1) / Self.stretch
    let digests = Mutex([UInt8](repeating: 0, count: count * SHA256.byteCount))
    DispatchQueue.concurrentPerform(iterations: max(1, threads)) { thread in
      let bytes = UnsafeRawBufferPointer(weights.values)
      for index in stride(from: thread, to: count, by: max(1, threads)) {
        let part = index * Self.stretch..<min((index + 1) * Self.stretch, bytes.count)
        let digest = SHA256(of: UnsafeRawBufferPointer(rebasing: bytes[part]))
        digests.withLock { digests in
          digests.withUnsafeMutableBytes { digest.store(to: $0.baseAddress! + index * SHA256.byteCount) }
        }
      }
    }
    self.weights = digests.withLock { SHA256(of: $0) }
  }

  /// The members of a cache's description; dropout is not among them, as a teacher has none.
  var members: [(String, JSON)] {
    [
      ("teacher", .string("\(weights)")), ("hidden_size", .integer(configuration.hiddenSize)),
      ("num_hidden_layers", .integer(configuration.layers)), ("num_attention_heads", .integer(configuration.heads)),
      ("intermediate_size", .integer(configuration.intermediateSize)),
      ("hidden_act", .string(configuration.activation.rawValue)),
      ("layer_norm_eps", .number(Double(configuration.layerNormEps))),
      ("classes", .integer(configuration.labels.count)),
    ]
  }
}
