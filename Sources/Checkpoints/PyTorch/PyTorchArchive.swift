import Archives
import JSON

/// Where a file has the tensors of its state dictionary.
struct PyTorchArchive {
  let tensors: [TensorDescription]
  /// The key of each tensor's storage, by the tensor's name.
  let storageKeys: [String: String]
  /// The entries of the storages that have a checksum, by key.
  let checksums: [String: ZipDirectory.Entry]

  // MARK: Zip

  /// Of the entries `data.pkl`, `byteorder`, and `data/KEY` for each storage.
  init(_ file: ReadableFile) throws(PyTorchProblem) {
    let entries = try ZipDirectory(file).entries
    guard let pickle = entries["data.pkl"] else { throw PyTorchProblem("expected an entry data.pkl, found none") }
    // torch.serialization.set_crc32_options(False) leaves all of them 0.
    let hasChecksums = entries.values.contains { $0.crc != 0 }
    let bytes = try Self.contents(pickle, "data.pkl", limit: PickleMachine.maximumBytes, file, hasChecksums)
    if let order = entries["byteorder"] {
      let name = try Self.contents(order, "byteorder", limit: 16, file, hasChecksums)
      guard name.elementsEqual("little".utf8) else {
        throw PyTorchProblem(
          "byteorder: expected little, found \(String(decoding: name, as: UTF8.self).quoted); save it again on a "
            + "little-endian machine")
      }
    }
    var machine = PickleMachine(bytes)
    let state = try StateDictionary(try machine.run(), machine.heap)
    guard machine.position == bytes.count else { throw PyTorchProblem("data.pkl: expected one pickle, found more") }
    var starts: [String: Int] = [:]
    var checksums: [String: ZipDirectory.Entry] = [:]
    for (key, storage) in state.storages {
      let name = "data/\(key)"
      guard let entry = entries[name] else {
        throw PyTorchProblem("expected an entry \(name.escapedForDisplay), found none")
      }
      guard entry.range.count == storage.byteCount else {
        throw PyTorchProblem(
          "\(name.escapedForDisplay): expected \(storage.byteCount) bytes for \(storage.type.rawValue) × "
            + "\(storage.count), found \(entry.range.count)")
      }
      starts[key] = entry.range.lowerBound
      if hasChecksums { checksums[key] = entry }
    }
    tensors = try state.descriptions(starts)
    storageKeys = state.storageKeys
    self.checksums = checksums
  }

  private static func contents(
    _ entry: ZipDirectory.Entry, _ name: String, limit: Int, _ file: ReadableFile, _ hasChecksums: Bool
  ) throws(PyTorchProblem) -> [UInt8] {
    guard entry.range.count <= limit else {
      throw PyTorchProblem("\(name): expected at most \(limit) bytes, found \(entry.range.count)")
    }
    let bytes = try file.part(entry.range.count, at: entry.range.lowerBound, name)
    var crc = CRC32()
    bytes.withUnsafeBytes { crc.update($0) }
    guard !hasChecksums || crc.value == entry.crc else {
      throw PyTorchProblem("\(name): its checksum differs; the file is damaged; copy or download it again")
    }
    return bytes
  }

  // MARK: Legacy

  /// The pickle of the number 0x1950a86a20f9469cfc6c.
  static let legacyMagic: [UInt8] = [
    0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
  ]

  /// Pickles of a magic number, the protocol's number, the machine, the state dictionary and the storages' keys; then of
  /// each storage in that order the number of its elements, in 64 bits, and the elements.
  init(legacy file: ReadableFile) throws(PyTorchProblem) {
    let bytes = try file.part(min(file.size, PickleMachine.maximumBytes), at: 0, "pickles")
    var machine = PickleMachine(bytes, from: Self.legacyMagic.count)
    guard case .integer(1001) = try machine.run() else {
      throw PyTorchProblem("expected protocol 1001, found another")
    }
    try Self.checkByteOrder(try machine.run(), machine.heap)
    let value = try machine.run()
    let state = try StateDictionary(value, machine.heap)
    guard case .list(let place) = try machine.run() else {
      throw PyTorchProblem("expected a list of storages, found something else")
    }
    var starts: [String: Int] = [:]
    var position = machine.position
    for item in machine.heap.lists[place] {
      guard case .text(let key) = item, let storage = state.storages[key], starts[key] == nil else {
        throw PyTorchProblem("list of storages: expected each of them once, found \(item.summary)")
      }
      let shown = "storage \(key.escapedForDisplay)"
      let count = try file.part(8, at: position, shown).littleEndian(0, 8)
      guard count == UInt64(storage.count) else {
        throw PyTorchProblem("\(shown): expected \(storage.count) elements, found \(count)")
      }
      starts[key] = position + 8
      guard storage.byteCount <= file.size - position - 8 else {
        throw .incomplete("\(shown): expected \(storage.byteCount) bytes, found \(file.size - position - 8)")
      }
      position += 8 + storage.byteCount
    }
    guard position == file.size else {
      throw PyTorchProblem("expected \(position) bytes by its storages, found \(file.size)")
    }
    tensors = try state.descriptions(starts)
    storageKeys = state.storageKeys
    checksums = [:]
  }

  private static func checkByteOrder(_ machine: PickleValue, _ heap: PickleHeap) throws(PyTorchProblem) {
    guard case .dictionary(let place) = machine else {
      throw PyTorchProblem("expected the machine's properties, found \(machine.summary)")
    }
    for case (.text("little_endian"), .boolean(true)) in heap.dictionaries[place].items { return }
    throw PyTorchProblem("expected a file of a little-endian machine; save it again on one")
  }
}
