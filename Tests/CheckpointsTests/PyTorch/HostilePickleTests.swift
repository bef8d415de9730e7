import Checkpoints
import Testing

/// Pickles that would run code, exhaust memory or reach outside their file.
struct HostilePickleTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let pickle: [UInt8]
    let message: String
    var testDescription: String { name }

    init(_ name: String, _ message: String, _ operations: (inout PickleWriter) -> Void) {
      self.name = name
      self.message = message
      pickle = PickleWriter.pickle(operations)
    }
  }

  static let code = [
    Case("callsOSSystem", #"found "posix.system", of which nothing was run"#) {
      $0.global("posix", "system")
      $0.text("id")
      $0.raw([0x85])
      $0.raw("R")
    },
    Case("callsEval", #"found "builtins.eval""#) { $0.global("builtins", "eval") },
    Case("namesAModuleThatIsAlmostAllowed", #"found "torch.load""#) { $0.global("torch", "load") },
    Case("namesWithTerminalControl", #"found "a\u{1b}[2J.b""#) { $0.global("a\u{1b}[2J", "b") },
    Case("callsAStorage", "expected other arguments, found 0") {
      $0.global("torch", "FloatStorage")
      $0.raw(")R")
    },
    Case("callsAText", #"expected a call, found "x""#) {
      $0.text("x")
      $0.raw(")R")
    },
    Case("callsWithoutATuple", "expected a call") {
      $0.global("collections", "OrderedDict")
      $0.raw("NR")
    },
    Case("setsAttributesOfATensor", "expected attributes of an OrderedDict") {
      $0.tensor(count: 2, shape: [2], strides: [1])
      $0.raw("}b")
    },
    Case("setsAttributesOfAFunction", "expected attributes of an OrderedDict") {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.raw("}b")
    },
    Case("setsAttributesOfAPlainDictionary", "expected attributes of an OrderedDict") { $0.raw("}}b") },
    Case("setsAStateThatIsATuple", "expected attributes of an OrderedDict, found a tuple") {
      $0.global("collections", "OrderedDict")
      $0.raw(")R)b")
    },
    Case("makesAnObject", "operation 0x81") {
      $0.global("collections", "OrderedDict")
      $0.raw([0x29, 0x81])
    },
    Case("namesByTheStack", "operation 0x93") { $0.raw([0x93]) },
    Case("namesAnInstance", "operation 0x69") { $0.raw("(iposix\nsystem\n") },
    Case("asksForAnExtension", "operation 0x82") { $0.raw([0x82, 1]) },
    Case("setsAnItemOfATensor", "expected a dictionary, found a tensor") {
      $0.tensor(count: 2, shape: [2], strides: [1])
      $0.raw("NNs")
    },
    Case("setsItemsOfAList", "expected a dictionary, found a list") { $0.raw("](NNu") },
    Case("appendsToADictionary", "expected a list, found a dictionary") { $0.raw("}Na") },
    Case("aNegativeView", "expected a plain tensor, found one with metadata") {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.raw("(")
      $0.storage(count: 2)
      $0.integer(0)
      $0.tuple([2])
      $0.tuple([1])
      $0.raw([0x89])
      $0.raw("N}")
      $0.text("neg")
      $0.raw([0x88])
      $0.raw("stR")
    },
  ]

  static let structure = [
    Case("emptyStack", "expected a value on the stack, found none") { _ in },
    Case("underflow", "expected a value on the stack") { $0.raw("R") },
    Case("underflowBelowAMark", "expected a value on the stack") { $0.raw([0x4e, 0x28, 0x85]) },
    Case("noMark", "expected a mark, found none") { $0.raw("Nt") },
    Case("openMark", "expected one value, found more") { $0.raw("N(N") },
    Case("oddItems", "expected a value for each key") { $0.raw("}(Nu") },
    Case("unknownMemo", "expected a value remembered as 7, found none") { $0.raw([0x68, 7]) },
    Case("deepNesting", "expected at most 256 levels") { $0.raw([UInt8](repeating: 0x28, count: 300)) },
    Case("tooManyOperations", "expected at most 500000 operations") {
      $0.raw("N")
      for _ in 0..<500_000 { $0.raw([0x71, 0]) }
    },
    Case("memoBomb", "expected a dictionary of tensors, found a tuple") {
      // Each holds the one before twice: 2^100000 if anything were copied or followed.
      $0.raw([0x29, 0x71, 0])
      for _ in 0..<100_000 { $0.raw([0x68, 0, 0x86, 0x71, 0].map { UInt8($0) }) }
    },
    Case("dictionariesOfOneLongList", "expected at most 500000 operations") {
      $0.raw("](")
      for _ in 0..<2_000 { $0.raw([0x4e, 0x4e, 0x86]) }
      $0.raw([0x65, 0x71, 0])
      for _ in 0..<2_000 {
        $0.global("collections", "OrderedDict")
        $0.raw([0x68, 0, 0x85, 0x52])
      }
    },
    Case("circle", "a: expected a tensor, found a dictionary") {
      $0.raw([0x7d, 0x71, 0])
      $0.text("a")
      $0.raw([0x68, 0, 0x73])
    },
    Case("longText", "expected 4294967295 more bytes") { $0.raw([0x58, 255, 255, 255, 255]) },
    Case("notUTF8", "expected text in UTF-8") { $0.raw([0x58, 1, 0, 0, 0, 0xff]) },
    Case("longInteger", "expected an integer of at most 8 bytes, found 9") {
      $0.raw([0x8a, 9] + [UInt8](repeating: 1, count: 9))
    },
    Case("endlessName", "expected the end of a name") { $0.raw("cposix") },
    Case("noDictionary", "expected a dictionary of tensors, found a tensor") {
      $0.tensor(count: 2, shape: [2], strides: [1])
    },
    Case("otherThings", "epoch: expected a tensor, found 3; save the model's state_dict() alone") {
      $0.raw("}")
      $0.text("epoch")
      $0.integer(3)
      $0.raw("s")
    },
    Case("numbersForNames", "expected the name of a tensor, found 1") {
      $0.raw("}")
      $0.integer(1)
      $0.tensor(count: 2, shape: [2], strides: [1])
      $0.raw("s")
    },
    Case("twoOfOneName", "a: two tensors of one name") {
      $0.raw("}(")
      for _ in 0..<2 {
        $0.text("a")
        $0.tensor(count: 2, shape: [2], strides: [1])
      }
      $0.raw("u")
    },
  ]

  private static func outside(_ name: String, offset: Int, _ shape: [Int], _ strides: [Int], _ message: String) -> Case
  {
    Case(name, message) { $0.state { $0.tensor(count: 2, offset: offset, shape: shape, strides: strides) } }
  }

  private static func storage(_ name: String, _ message: String, _ storage: @escaping (inout PickleWriter) -> Void)
    -> Case
  {
    Case(name, message) { $0.state { $0.tensor(count: 0, shape: [1], strides: [1], storage: storage) } }
  }

  static let bounds = [
    outside("behindTheStorage", offset: 0, [3], [1], "expected elements within a storage of 2"),
    outside("offsetBehindTheStorage", offset: 2, [1], [1], "expected elements within"),
    outside("negativeOffset", offset: -1, [1], [1], "expected elements within"),
    outside("hugeOffset", offset: .max, [1], [1], "expected elements within"),
    outside("strideBehindTheStorage", offset: 0, [2], [2], "expected elements within"),
    outside("negativeStride", offset: 1, [2], [-1], "expected elements within"),
    outside("hugeStride", offset: 0, [2], [.max], "expected elements within"),
    outside("sumThatOverflows", offset: 0, [3, 3], [.max / 2, .max / 2], "expected elements within"),
    outside("negativeSize", offset: 0, [-1], [1], "expected at most 2147483647 elements"),
    outside("hugeSize", offset: 0, [.max, .max], [0, 0], "expected at most 2147483647 elements"),
    outside("fewStrides", offset: 0, [1, 1], [1], "a stride for each dimension"),
    outside(
      "manyDimensions", offset: 0, [Int](repeating: 1, count: 9), [Int](repeating: 1, count: 9), "found something"),
    storage("missingStorage", "expected an entry data/7, found none") { $0.storage("7", count: 2) },
    storage("traversingStorage", "expected an entry data/../data.pkl, found none") {
      $0.storage("../data.pkl", count: 2)
    },
    storage("lyingStorage", "data/0: expected 12 bytes for F32 × 3, found 8") { $0.storage(count: 3) },
    storage("otherType", "data/0: expected 16 bytes for F64 × 2, found 8") {
      $0.storage(type: "DoubleStorage", count: 2)
    },
    storage("negativeStorage", "expected a storage of at most") { $0.storage(count: -1) },
    storage("hugeStorage", "expected a storage of at most") { $0.storage(count: .max) },
    storage("viewBehindTheStorage", "expected a part of a storage of 2") { $0.storage(count: 2, view: [1, 2]) },
    storage("negativeView", "expected a part of a storage of 2") { $0.storage(count: 2, view: [-1, 1]) },
    storage("hugeView", "expected a part of a storage of 2") { $0.storage(count: 2, view: [1, .max]) },
    storage("noStorage", "expected a storage of at most") { $0.raw("NQ") },
    storage("textForAStorage", "expected a storage, an offset") { $0.text("storage") },
    Case("oneStorageOfTwoSizes", "storage 0: expected one type and size") {
      $0.raw("}(")
      for (name, count) in [("a", 2), ("b", 3)] {
        $0.text(name)
        $0.tensor(count: count, shape: [1], strides: [1])
      }
      $0.raw("u")
    },
  ]

  @Test(arguments: code + structure + bounds)
  func isRefused(_ hostile: Case) throws {
    let file = ZipWriter(pickle: hostile.pickle, storage: [UInt8](repeating: 0, count: 8)).file
    try expectError(file, hostile.message)
  }

  @Test(arguments: code)
  func isRefusedInTheLegacyFormatToo(_ hostile: Case) throws {
    try expectError(legacy(hostile.pickle), hostile.message)
  }

  @Test func legacyFilesAreCheckedToo() throws {
    let state = PickleWriter.pickle { $0.state { $0.tensor(count: 2, shape: [2], strides: [1]) } }
    let keys = PickleWriter.pickle {
      $0.raw("]")
      $0.text("0")
      $0.raw("a")
    }
    func storage(_ count: UInt64, _ bytes: Int) -> [UInt8] {
      withUnsafeBytes(of: count.littleEndian) { Array($0) } + [UInt8](repeating: 0, count: bytes)
    }
    try withTemporaryDirectory { directory in
      try writeAtomically(legacy(state) + keys + storage(2, 8), to: directory + "/x.bin")
      #expect(try PyTorchFile(directory + "/x.bin").tensors.count == 1)
    }
    try expectError(legacy(state) + keys + storage(3, 12), "storage 0: expected 2 elements, found 3")
    try expectError(legacy(state) + keys + storage(2, 7), "storage 0: expected 8 bytes, found 7")
    try expectError(legacy(state) + keys + storage(2, 9), "by its storages, found")
    try expectError(legacy(state) + keys, "storage 0: expected 8 bytes at byte")
    let none = PickleWriter.pickle { $0.raw("]") }
    try expectError(legacy(state) + none, "a: storage 0 is not in the file")
    let twice = PickleWriter.pickle {
      $0.raw("](")
      $0.text("0")
      $0.text("0")
      $0.raw("e")
    }
    try expectError(legacy(state) + twice + storage(2, 8) + storage(2, 8), "expected each of them once")
    try expectError(legacy(state, isLittleEndian: false) + keys + storage(2, 8), "little-endian machine")
    try expectError(legacy(state, protocol: 1002) + keys + storage(2, 8), "expected protocol 1001")
  }

  @Test func otherFilesSayWhatTheyAre() throws {
    try expectError([], "found an empty one")
    try expectError(Array("version https://git-lfs.github.com/spec/v1\noid".utf8), "git lfs pull")
    try expectError([UInt8](repeating: 0, count: 257) + Array("ustar  ".utf8), "found a tar archive")
    try expectError(Array("<html>".utf8), "found something else")
    try expectError(PickleWriter.pickle { $0.raw("}") }, "found something else")
    var newer = ZipWriter(pickle: [0x80, 4, 0x95])
    newer.entries[0].bytes[1] = 4
    try expectError(newer.file, "expected pickle protocol 2, found 4")
  }

  private func legacy(_ pickle: [UInt8], protocol number: Int = 1001, isLittleEndian: Bool = true) -> [UInt8] {
    [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]
      + PickleWriter.pickle { $0.integer(number) }
      + PickleWriter.pickle {
        $0.raw("}")
        $0.text("little_endian")
        $0.raw([isLittleEndian ? 0x88 : 0x89])
        $0.raw("s")
      } + pickle
  }
}

/// Opens a file of these bytes, which must be refused in these words.
func expectError(_ bytes: [UInt8], _ words: String) throws {
  try withTemporaryDirectory { directory in
    let path = directory + "/x.bin"
    try writeAtomically(bytes, to: path)
    let error = #expect(throws: CheckpointError.self) { try PyTorchFile(path) }
    #expect(error?.description.hasPrefix(path + ": ") == true)
    #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
  }
}
