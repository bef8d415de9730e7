import Collectives
import Encoders
import Glibc
import Kernels

extension Places {
  /// Collective: makes a model that is run only, for some taps and for texts of some words. Its packed weights lie in
  /// memory once on each host, and nothing else of it stays that these do not need: `model.weights` is used up.
  func freeze(
    _ model: ClassifierModel, for taps: TapSelection, words: [Int], precision: Precision = .float32
  ) throws -> FrozenModel {
    model.discardWeights(except: taps, words: words)
    let packed = try shareOnHost(model.encoder.linearWeights(for: taps), of: model.weights, precision)
    return FrozenModel(model.encoder, weights: model.weights, packed: packed, taps: taps)
  }

  /// The first rank of each host packs; the others map what it packed, or where they cannot (in a container of their
  /// own, say) pack for themselves.
  private func shareOnHost(
    _ slots: [Slot], of weights: ParameterBuffer, _ precision: Precision
  ) throws -> PackedWeights? {
    guard ranks.size > 1 else { return packed(slots, of: weights, precision) }
    var offer: HostOffer?
    var own: PackedWeights?
    if ranks.localRank == 0, ranks.localSize > 1 {
      let mark = PackedWeights.Mark(bits: UInt64.random(in: 0...UInt64.max))
      own = PackedWeights(sharing: slots, of: weights, precision: precision, mark: mark)
      if let own, let descriptor = own.sharedDescriptor {
        takeOver(own)
        offer = HostOffer(host: HostOffer.thisHost, process: getpid(), descriptor: descriptor, mark: mark)
      }
    }
    var offers = try ranks.gather(offer?.bytes ?? [], to: 0)?.flatMap { $0 } ?? []
    try ranks.broadcast(&offers, from: 0)
    if own == nil {
      own =
        HostOffer.list(offers).lazy.filter { $0.host == HostOffer.thisHost }.compactMap {
          PackedWeights(
            slots, of: weights, precision: precision, packedBy: $0.process, descriptor: $0.descriptor, mark: $0.mark)
        }.first
      if let own { (0..<own.count).forEach(own.discardOriginal) }
    }
    // Who offers memory stays until all have mapped it.
    try ranks.barrier()
    return own ?? packed(slots, of: weights, precision)
  }

  private func packed(_ slots: [Slot], of weights: ParameterBuffer, _ precision: Precision) -> PackedWeights? {
    let packed = PackedWeights(slots, of: weights, precision: precision)
    if let packed { takeOver(packed) }
    return packed
  }

  /// Packs weight by weight, so that no more than a few are in memory twice.
  private func takeOver(_ packed: PackedWeights) {
    pool.forEach(0..<packed.count) { index in
      packed.pack(index)
      packed.discardOriginal(index)
    }
  }
}

/// Where a process keeps packed weights for others of its host.
private struct HostOffer {
  let host: String
  let process: Int32
  let descriptor: Int32
  let mark: PackedWeights.Mark

  /// The same for all processes that one kernel runs, and no others.
  static let thisHost: String = {
    var bytes = [UInt8](repeating: 0, count: 36)
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    return read(file, &bytes, bytes.count) == bytes.count ? String(decoding: bytes, as: UTF8.self) : ""
  }()

  var bytes: [UInt8] { Array("\(host) \(process) \(descriptor) \(mark.bits)\n".utf8) }

  static func list(_ bytes: [UInt8]) -> [HostOffer] {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count == 4, let process = Int32(fields[1]), let descriptor = Int32(fields[2]),
        let bits = UInt64(fields[3])
      else { return nil }
      return HostOffer(
        host: String(fields[0]), process: process, descriptor: descriptor, mark: PackedWeights.Mark(bits: bits))
    }
  }
}

extension ClassifierModel {
  /// Gives back the memory of layers above those that `taps` needs, and of the embeddings of words that do not occur.
  fileprivate func discardWeights(except taps: TapSelection, words: [Int]) {
    let parameters = encoder.parameters
    for layer in parameters.layers.dropFirst(taps.depth(of: configuration)) {
      weights.discard(layer.range)
    }
    let (table, width) = (parameters.wordEmbeddings, parameters.wordEmbeddings.columns)
    var next = 0
    for word in words + [table.rows] {
      weights.discard(table.offset + next * width..<table.offset + max(next, word) * width)
      next = word + 1
    }
  }
}
