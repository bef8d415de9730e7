import Archives

/// Writes pickles operation by operation, right and wrong ones.
struct PickleWriter {
  private(set) var bytes: [UInt8] = [0x80, 2]

  /// A pickle of these operations, and the one that ends it.
  static func pickle(_ operations: (inout PickleWriter) -> Void) -> [UInt8] {
    var writer = PickleWriter()
    operations(&writer)
    writer.raw(".")
    return writer.bytes
  }

  mutating func raw(_ operations: String) { bytes += Array(operations.utf8) }
  mutating func raw(_ operations: [UInt8]) { bytes += operations }
  mutating func global(_ module: String, _ name: String) { raw("c\(module)\n\(name)\n") }

  mutating func text(_ text: String) {
    raw("X")
    little(text.utf8.count, 4)
    raw(text)
  }

  /// In four bytes where it fits, and in eight.
  mutating func integer(_ number: Int) {
    if Int32(exactly: number) != nil {
      raw("J")
      little(number, 4)
    } else {
      raw([0x8a, 8])
      little(number, 8)
    }
  }

  mutating func tuple(_ numbers: [Int]) {
    raw("(")
    for number in numbers { integer(number) }
    raw("t")
  }

  mutating func storage(_ key: String = "0", type: String = "FloatStorage", count: Int, view: [Int]? = nil) {
    raw("(")
    text("storage")
    global("torch", type)
    text(key)
    text("cpu")
    integer(count)
    if let view {
      raw("(")
      text("1")
      for number in view { integer(number) }
      raw("t")
    }
    raw("tQ")
  }

  /// A tensor; what comes before the call may be replaced.
  mutating func tensor(
    count: Int, offset: Int = 0, shape: [Int], strides: [Int], storage: ((inout PickleWriter) -> Void)? = nil
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    raw("(")
    if let storage { storage(&self) } else { self.storage(count: count) }
    integer(offset)
    tuple(shape)
    tuple(strides)
    raw([0x89])
    global("collections", "OrderedDict")
    raw(")RtR")
  }

  /// A dictionary of one tensor.
  mutating func state(_ tensor: (inout PickleWriter) -> Void) {
    raw("}")
    text("a")
    tensor(&self)
    raw("s")
  }

  private mutating func little(_ number: Int, _ width: Int) {
    for byte in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
  }
}

/// Writes zip archives, right and wrong ones.
struct ZipWriter {
  struct Entry {
    var name: String
    var bytes: [UInt8]
    var flags = 0
    var method = 0
    /// What the directory says, where that is not the truth.
    var size: Int?
    var compressedSize: Int?
    var offset: Int?
    var crc: UInt32?
    var extra: [UInt8] = []

    init(_ name: String, _ bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  var entries: [Entry]
  var count: Int?
  var directorySize: Int?
  var directoryOffset: Int?
  var disk = 0
  var comment: [UInt8] = []
  var tail: [UInt8] = []

  init(_ entries: [Entry]) { self.entries = entries }

  /// A file of PyTorch's with this pickle and one storage.
  init(pickle: [UInt8], storage: [UInt8] = []) {
    self.init([Entry("m/data.pkl", pickle), Entry("m/byteorder", Array("little".utf8)), Entry("m/data/0", storage)])
  }

  var file: [UInt8] {
    var bytes: [UInt8] = []
    var directory: [UInt8] = []
    func little(_ number: Int, _ width: Int, _ target: inout [UInt8]) {
      for byte in 0..<width { target.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
    }
    for entry in entries {
      let offset = bytes.count
      var crc = CRC32()
      entry.bytes.withUnsafeBytes { crc.update($0) }
      let name = Array(entry.name.utf8)
      bytes += [0x50, 0x4b, 3, 4]
      for (number, width) in [
        (20, 2), (entry.flags, 2), (entry.method, 2), (0, 4), (0, 4), (0, 4), (0, 4), (name.count, 2), (0, 2),
      ] { little(number, width, &bytes) }
      bytes += name + entry.bytes
      directory += [0x50, 0x4b, 1, 2]
      for (number, width) in [
        (0, 2), (20, 2), (entry.flags, 2), (entry.method, 2), (0, 4), (Int(entry.crc ?? crc.value), 4),
        (entry.compressedSize ?? entry.size ?? entry.bytes.count, 4), (entry.size ?? entry.bytes.count, 4),
        (name.count, 2), (entry.extra.count, 2), (0, 2), (0, 2), (0, 2), (0, 4), (entry.offset ?? offset, 4),
      ] { little(number, width, &directory) }
      directory += name + entry.extra
    }
    let offset = bytes.count
    bytes += directory + [0x50, 0x4b, 5, 6]
    for (number, width) in [
      (disk, 2), (disk, 2), (count ?? entries.count, 2), (count ?? entries.count, 2),
      (directorySize ?? directory.count, 4), (directoryOffset ?? offset, 4), (comment.count, 2),
    ] { little(number, width, &bytes) }
    return bytes + comment + tail
  }
}
