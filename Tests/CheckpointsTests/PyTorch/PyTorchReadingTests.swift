import Checkpoints
import Foundation
import JSON
import Kernels
import Testing

/// The directory of files written by `Tests/Goldens/make_pytorch_fixtures.py`, by the version of PyTorch that ran it.
private let pyTorchFixtures =
  URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path() + "PyTorchFixtures"

struct PyTorchReadingTests {
  static let files: [String] = ["1.0.0", "1.4.0", "1.5.1", "1.7.1", "1.12.1", "2.13.0", "2.15.0"].flatMap { version in
    ["legacy.bin", "zip.bin", "no-checksums.bin"].map { "\(version)/\($0)" }
      .filter { FileManager.default.fileExists(atPath: "\(pyTorchFixtures)/\($0)") }
  }

  /// One for each version before 1.5, two up to 2.x, three from then on.
  @Test func everyVersionsFilesAreHere() { #expect(Self.files.count == 14) }

  @Test(arguments: files)
  func readsWhatPyTorchSaved(file: String) throws {
    let path = "\(pyTorchFixtures)/\(file)"
    let expected = try #require(
      try JSON(contentsOf: URL(filePath: path).deletingLastPathComponent().path() + "expected.json").object)
    let opened = try PyTorchFile(path)
    #expect(Set(opened.tensors.map(\.name)) == Set(expected.map(\.0)))
    for (name, form) in expected {
      let tensor = try #require(opened[name])
      #expect(form["dtype"]?.string == tensor.type.rawValue)
      #expect(form["shape"]?.array?.compactMap(\.double) == tensor.shape.map(Double.init))
      guard tensor.type.isFloatingPoint else {
        #expect(throws: CheckpointError.self) { try opened.floats(tensor) }
        continue
      }
      let values = try #require(form["values"]?.array?.compactMap { $0.double.map { Float($0).bitPattern } })
      #expect(try opened.floats(tensor).map(\.bitPattern) == values, "\(name)")
    }
  }

  @Test(arguments: ["model-zip", "model-legacy", "model-sharded"])
  func aModelIsTheSameFromAnyFile(name: String) throws {
    let (expected, found) = (ParameterBuffer(classifierLayout()), ParameterBuffer(classifierLayout()))
    _ = try ModelDirectory("\(fixtures)/classifier").weights().load(into: expected, head: .required)
    let report = try ModelDirectory("\(pyTorchFixtures)/\(name)").weights().load(into: found, head: .required)
    #expect(Set(report.loaded) == Set(found.layout.entries.map(\.key)))
    #expect(report.ignored == ["bert.embeddings.position_ids"])
    for entry in found.layout.entries { #expect(found.floats(entry.key) == expected.floats(entry.key)) }
  }

  @Test func safetensorsArePreferred() throws {
    try withTemporaryDirectory { directory in
      for name in ["config.json", "pytorch_model.bin"] {
        try writeAtomically(contents("\(pyTorchFixtures)/model-zip/\(name)"), to: "\(directory)/\(name)")
      }
      let model = try ModelDirectory(directory)
      #expect(try model.weights().path.hasSuffix("/pytorch_model.bin"))
      let index = #"{"weight_map":{"bert.pooler.dense.bias":"none.safetensors"}}"#
      try writeAtomically(Array(index.utf8), to: directory + "/model.safetensors.index.json")
      #expect(throws: CheckpointError.self) { try model.weights() }
      try writeAtomically(contents(fixtures + "/classifier/model.safetensors"), to: directory + "/model.safetensors")
      #expect(try model.weights().path.hasSuffix("/model.safetensors"))
    }
  }

  @Test(arguments: ["../x.bin", "/x.bin", "a/x.bin", "..\\x.bin", "C:x.bin", "x.safetensors", ".bin", ""])
  func shardsStayInTheirDirectory(name: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/pytorch_model.bin.index.json"
      let index: JSON = ["weight_map": ["a": .string(name)]]
      try writeAtomically(index.bytes(), to: path)
      let error = #expect(throws: CheckpointError.self) { try ModelWeights(index: path) }
      #expect(error?.description.contains("expected the name of a .bin file") == true)
    }
  }

  /// Larger than what is read at a time, so that every way of cutting a view is taken.
  @Test(arguments: [
    ([900_000], [1]), ([3, 300_000], [300_000, 1]), ([300_000, 3], [1, 300_000]), ([2, 299_999], [300_000, 1]),
    ([150_000], [6]), ([3, 100, 3_000], [1, 9_000, 3]), ([2, 3, 5], [450_000, 100_000, 1]), ([4, 2], [0, 449_999]),
    ([700_000, 1, 2], [1, 7, 1]),
  ])
  func largeViewsAreReadInPieces(shape: [Int], strides: [Int]) throws {
    let count = 900_000
    let pickle = PickleWriter.pickle { $0.state { $0.tensor(count: count, shape: shape, strides: strides) } }
    let storage = (0..<count).map(Float.init).withUnsafeBytes { Array($0) }
    try withTemporaryDirectory { directory in
      try writeAtomically(ZipWriter(pickle: pickle, storage: storage).file, to: directory + "/x.bin")
      let file = try PyTorchFile(directory + "/x.bin")
      let tensor = try #require(file["a"])
      var expected = [0]
      for (size, stride) in zip(shape, strides) {
        expected = expected.flatMap { start in (0..<size).map { start + $0 * stride } }
      }
      #expect(try file.floats(tensor) == expected.map(Float.init))
    }
  }

  @Test func aPartOfAStorageCountsFromItsStart() throws {
    let pickle = PickleWriter.pickle {
      $0.state {
        $0.tensor(count: 6, offset: 1, shape: [2], strides: [1]) { $0.storage(count: 6, view: [2, 3]) }
      }
    }
    let storage = (0..<6).map(Float.init).withUnsafeBytes { Array($0) }
    try withTemporaryDirectory { directory in
      try writeAtomically(ZipWriter(pickle: pickle, storage: storage).file, to: directory + "/x.bin")
      let file = try PyTorchFile(directory + "/x.bin")
      #expect(try file.floats(#require(file["a"])) == [3, 4])
    }
  }

  @Test func anAlteredStorageIsFoundByItsChecksum() throws {
    let pickle = PickleWriter.pickle { $0.state { $0.tensor(count: 2, shape: [2], strides: [1]) } }
    var zip = ZipWriter(pickle: pickle, storage: [UInt8](repeating: 0, count: 8))
    zip.entries[2].crc = 1
    try withTemporaryDirectory { directory in
      try writeAtomically(zip.file, to: directory + "/x.bin")
      let file = try PyTorchFile(directory + "/x.bin")
      let error = #expect(throws: CheckpointError.self) { try file.floats(#require(file["a"])) }
      #expect(error?.problems.first?.hasPrefix("data/0: its checksum differs") == true)
    }
  }

  // MARK: Damage

  @Test(arguments: ["1.0.0/legacy.bin", "1.5.1/zip.bin", "2.13.0/zip.bin", "2.13.0/no-checksums.bin"])
  func everyPrefixIsRefused(file: String) throws {
    let whole = try contents("\(pyTorchFixtures)/\(file)")
    try withTemporaryDirectory { directory in
      for count in 0..<whole.count {
        try overwrite(Array(whole[..<count]), directory + "/x.bin")
        #expect(throws: CheckpointError.self, "\(count)") { try PyTorchFile(directory + "/x.bin") }
      }
      try overwrite(whole + [0], directory + "/x.bin")
      #expect(throws: CheckpointError.self) { try PyTorchFile(directory + "/x.bin") }
    }
  }

  @Test(arguments: ["1.0.0/legacy.bin", "1.12.1/legacy.bin", "2.13.0/zip.bin", "2.13.0/no-checksums.bin"])
  func noChangedByteTraps(file: String) throws {
    let whole = try contents("\(pyTorchFixtures)/\(file)")
    var generator = SplitMix(state: 7)
    try withTemporaryDirectory { directory in
      for _ in 0..<3_000 {
        var changed = whole
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          let place = Int.random(in: changed.indices, using: &generator)
          // Often a byte of another place, as operations of the format reach further than noise.
          changed[place] =
            Bool.random(using: &generator)
            ? whole[Int.random(in: whole.indices, using: &generator)] : .random(in: .min ... .max, using: &generator)
        }
        try overwrite(changed, directory + "/x.bin")
        guard let opened = try? PyTorchFile(directory + "/x.bin") else { continue }
        for tensor in opened.tensors where tensor.type.isFloatingPoint && tensor.count < 1 << 16 {
          _ = try? opened.floats(tensor)
        }
      }
    }
  }

  /// In place and without flushing, for tests that write thousands of files.
  private func overwrite(_ bytes: [UInt8], _ path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}
