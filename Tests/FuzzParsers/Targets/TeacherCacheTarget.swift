import Distillation
import Encoders
import Kernels
import Text

extension FuzzTarget {
  /// A segment of a teacher cache: its opening, and entries with a header and values each. Whatever it holds, it can be
  /// listed and verified, and a teacher that reads it gives features of every sentence.
  static func teacherCache(in workspace: Workspace) -> FuzzTarget {
    let teacher = TinyTeacher(path: workspace.directory("cache"))
    let segment = teacher.writeSegment()
    let original = readFile(segment)
    let expected = teacher.features()
    // 24 bytes of header, of which 4 at 12 are the description's length.
    let opening = 24 + Int(original[12]) + Int(original[13]) << 8
    let entries = teacher.entries(of: original, from: opening)
    return FuzzTarget(
      "teacher-cache",
      parts: [[Array(original[..<24]), Array(original[24..<opening])] + entries.flatMap { [$0.header, $0.values] }],
      words: ["NTRY", "DDPCACHE", "{", "}", "\"version\":2", "\"hidden\":[", "9223372036854775807"],
      bombs: [
        { original + .repeating("NTRY", 1 << 20) }, { original + [UInt8](repeating: 0, count: 8 << 20) },
        // The same entry, sound, over and over.
        { original + Array(repeatElement(entries[0].header + entries[0].values, count: 2_000).joined()) },
        // Entries of no values, each with a key of its own.
        { original + teacher.emptyEntries(100_000, like: entries[0].header) },
      ],
      assemble: { parts, random in
        // Mostly with checksums that are right: otherwise nothing behind them would be reached.
        if random.chance(1, in: 4) { return Array(parts.joined()) }
        var opening = parts[0]
        if opening.count == 24 {
          opening.store(UInt64(parts[1].count), at: 12, bytes: 4)
          opening.store(checksum(parts[1]), at: 16, bytes: 8)
        }
        var bytes = opening + parts[1]
        for index in stride(from: 2, to: parts.count, by: 2) {
          var header = parts[index]
          if header.count == 72 {
            if random.chance(3, in: 4) { header.store(checksum(parts[index + 1]), at: 56, bytes: 8) }
            header.store(checksum(Array(header[..<64])), at: 64, bytes: 8)
          }
          bytes += header + parts[index + 1]
        }
        return bytes
      },
      parse: { bytes in
        writeFile(bytes, segment)
        let folders = try TeacherCacheDirectory(teacher.path).folders(readsValues: true)
        let problems = folders.flatMap(\.segments).compactMap(\.problem)
        let features = teacher.features(readOnly: true)
        // A forged entry, whose checksums were made right, may say anything, but of the right size.
        promise(bytes == original ? features == expected : features.count == expected.count)
        guard problems.isEmpty else { throw Damaged() }
      })
  }

  private struct Damaged: Error {}
}

/// XXH64 of bytes, as the cache computes it.
private func checksum(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBytes { Distillation.checksum($0) } }

extension [UInt8] {
  fileprivate mutating func store(_ value: UInt64, at place: Int, bytes: Int) {
    for byte in 0..<bytes { self[place + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)) }
  }
}

/// A model of a few hundred weights, and where its features are kept.
private struct TinyTeacher {
  let path: String
  private let live: LiveTeacher
  private let fingerprint: TeacherFingerprint
  private let batch: Batch

  init(path: String) {
    self.path = path
    var configuration = EncoderConfiguration()
    configuration.vocabularySize = 16
    configuration.hiddenSize = 4
    configuration.layers = 1
    configuration.heads = 2
    configuration.intermediateSize = 4
    configuration.maxPositions = 8
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    weights.initialize(layout.entries, seed: 1)
    let taps: TapSelection = [.hidden(0), .hidden(1), .scores(1), .logits]
    live = LiveTeacher(FrozenModel(encoder, weights: weights, taps: taps), taps: taps)
    fingerprint = TeacherFingerprint(configuration, weights: weights, threads: 1)
    var batch = Batch()
    for (sample, tokens) in [[2, 5, 3], [2, 6, 7, 8, 3], [2, 3]].enumerated() {
      batch.tokens += tokens.map(Int32.init)
      batch.types += [Int32](repeating: 0, count: tokens.count)
      batch.starts.append(batch.tokens.count)
      batch.labels.append(0)
      batch.samples.append(sample)
    }
    self.batch = batch
  }

  /// Features as a new run gets them.
  /// - Parameter readOnly: whether what is missing is left missing.
  func features(readOnly: Bool = false) -> [Float] {
    var settings = TeacherCacheSettings(path: path)
    if readOnly { settings.maxBytes = 0 }
    let cached = CachedTeacher(live, fingerprint: fingerprint, settings: settings)
    let arena = Arena()
    let taps = cached.features(of: batch, arena: arena)
    let notices = cached.takeCounts().notices
    promise(!notices.contains { $0.utf8.contains { $0 < 0x20 } })
    let matrices = [Tap.logits, .hidden(0), .hidden(1)].map(taps.matrix)
    return matrices.flatMap { matrix in (0..<matrix.count).map { matrix.base[$0] } }
  }

  /// - Returns: the path of the one segment there is then.
  func writeSegment() -> String {
    _ = features()
    let folder = "\(path)/\(directoryEntries(path)[0])"
    return "\(folder)/\(directoryEntries(folder)[0])"
  }

  func entries(of segment: [UInt8], from start: Int) -> [(header: [UInt8], values: [UInt8])] {
    var entries: [(header: [UInt8], values: [UInt8])] = []
    var place = start
    while place < segment.count {
      let header = Array(segment[place..<place + 72])
      let count = header[16..<24].reversed().reduce(0) { $0 << 8 | Int($1) }
      entries.append((header, Array(segment[place + 72..<place + 72 + count])))
      place += 72 + count
    }
    return entries
  }

  func emptyEntries(_ count: Int, like header: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    for key in 0..<count {
      var header = header
      header.store(0, at: 16, bytes: 8)
      header.store(UInt64(key), at: 24, bytes: 8)
      header.store(checksum(Array(header[..<64])), at: 64, bytes: 8)
      bytes += header
    }
    return bytes
  }
}
