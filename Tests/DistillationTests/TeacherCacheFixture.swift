import Distillation
import Encoders
import Glibc
import GoldenFixtures
import Kernels
import Testing
import Text

/// A small teacher and a temporary directory for its features.
final class TeacherCacheFixture {
  let path: String
  let encoder: Encoder
  let weights: ParameterBuffer

  /// Sentences of several lengths, none twice.
  static let sentences: [[Int32]] = [
    [2, 5, 3], [2, 6, 7, 8, 9, 10, 3], [2, 11, 12, 3], [2, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 3],
    [2, 3], [2, 27, 28, 29, 30, 3],
  ]

  init() throws {
    var template = Array("/tmp/distill-ddp-cache-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    (encoder, weights) = try GoldenFixtures.model("teacher")
  }

  deinit {
    for folder in entries(path) {
      for name in entries("\(path)/\(folder)") {
        unlink("\(path)/\(folder)/\(name)")
        rmdir("\(path)/\(folder)/\(name)")
      }
      rmdir("\(path)/\(folder)")
      unlink("\(path)/\(folder)")
    }
    rmdir(path)
  }

  /// Every kind of tap.
  static var everything: TapSelection {
    [
      .scores(2), .scores(4), Tap(.queries, layer: 3), Tap(.keys, layer: 1), Tap(.values, layer: 4), .hidden(0),
      .hidden(3), .pooled, .logits,
    ]
  }

  func live(_ taps: TapSelection = everything) -> LiveTeacher {
    LiveTeacher(FrozenModel(encoder, weights: weights, taps: taps), taps: taps)
  }

  /// As a new run would have it.
  func cached(
    _ taps: TapSelection = everything, precision: TeacherCacheSettings.Precision = .fp32, maxBytes: Int = 1 << 30,
    at path: String? = nil
  ) -> CachedTeacher {
    var settings = TeacherCacheSettings(path: path ?? self.path)
    settings.precision = precision
    settings.maxBytes = maxBytes
    let fingerprint = TeacherFingerprint(encoder.configuration, weights: weights, threads: 2)
    return CachedTeacher(live(taps), fingerprint: fingerprint, settings: settings)
  }

  // MARK: Files

  /// The names in a directory; none where it is none.
  func entries(_ directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The segments of all folders, as paths.
  func segments() -> [String] {
    entries(path).flatMap { folder in entries("\(path)/\(folder)").map { "\(path)/\(folder)/\($0)" } }
  }

  static func read(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 22)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }

  static func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    let bytes = Array(bytes)
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }

  // MARK: Batches and their features

  static func batch(_ sentences: [[Int32]], types: [[Int32]]? = nil) -> Batch {
    var batch = Batch()
    for (index, sentence) in sentences.enumerated() {
      batch.tokens += sentence
      batch.types += types?[index] ?? sentence.map { _ in 0 }
      batch.starts.append(batch.tokens.count)
      batch.labels.append(0)
      batch.samples.append(index)
    }
    return batch
  }

  /// The features of each sentence, as one list.
  static func features(_ source: any TeacherSource, _ sentences: [[Int32]] = sentences) -> [[Float]] {
    let batch = batch(sentences)
    let arena = Arena()
    let taps = source.features(of: batch, arena: arena)
    return sentences.indices.map { sentence in
      let rows = batch.starts[sentence]..<batch.starts[sentence + 1]
      var values: [Float] = []
      func add(_ matrix: Matrix) {
        for row in 0..<matrix.rows { for column in 0..<matrix.columns { values.append(matrix[row, column]) } }
      }
      for (tap, value) in taps.all {
        switch value {
        case .matrix(let matrix): add(matrix.rows(tap.kind.isOfHead ? sentence..<sentence + 1 : rows))
        case .maps(let maps): for head in 0..<maps.heads { add(maps.map(sentence: sentence, head: head)) }
        }
      }
      return values
    }
  }
}

/// Asks for features, and tells how many sentences were read.
func hits(_ teacher: CachedTeacher, _ sentences: [[Int32]] = TeacherCacheFixture.sentences) -> Int {
  _ = teacher.takeCounts()
  _ = TeacherCacheFixture.features(teacher, sentences)
  return teacher.takeCounts().counts.hits
}
