import JSON

/// Reads pickles of protocol 2 that consist of tensors, dictionaries and plain values. It runs nothing: a name is one
/// of `PickleGlobal` or an error, and what a pickle would call is done here for each of them.
///
/// Reference: github.com/pytorch/pytorch, `torch/_weights_only_unpickler.py`.
struct PickleMachine {
  /// Many times what the largest models need.
  static let maximumBytes = 16 << 20
  private static let maximumOperations = 500_000
  private static let maximumMarks = 256

  private(set) var heap = PickleHeap()
  /// Where the next pickle starts.
  private(set) var position: Int
  private let bytes: [UInt8]
  private var operations = 0
  private var stack: [PickleValue] = []
  /// How high the stack was at each open mark.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]

  /// - Parameter position: Where the first pickle starts.
  init(_ bytes: [UInt8], from position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  /// Reads the next pickle.
  mutating func run() throws(PyTorchProblem) -> PickleValue {
    stack.removeAll()
    marks.removeAll()
    memo.removeAll()
    var start = position
    do throws(PyTorchProblem) {
      guard try byte() == 0x80 else { throw PyTorchProblem("expected a pickle") }
      let version = try byte()
      guard version == 2 else {
        throw PyTorchProblem("expected pickle protocol 2, found \(version); save it again without pickle_protocol")
      }
      while true {
        start = position
        try count(1)
        let operation = try byte()
        guard operation != UInt8(ascii: ".") else { break }
        try perform(operation)
      }
      let result = try pop()
      guard stack.isEmpty && marks.isEmpty else { throw PyTorchProblem("expected one value, found more") }
      return result
    } catch {
      throw PyTorchProblem("pickle: byte \(start): \(error.text)")
    }
  }

  private mutating func count(_ work: Int) throws(PyTorchProblem) {
    operations += work
    guard operations <= Self.maximumOperations else {
      throw PyTorchProblem("expected at most \(Self.maximumOperations) operations, found more")
    }
  }

  private mutating func perform(_ operation: UInt8) throws(PyTorchProblem) {
    switch operation {
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.boolean(true))
    case 0x89: stack.append(.boolean(false))
    case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
    case UInt8(ascii: "K"): stack.append(.integer(Int(try number(1))))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try number(2))))
    case 0x8a: stack.append(.integer(try longInteger()))
    case UInt8(ascii: "G"):
      _ = try take(8)
      stack.append(.float)
    case UInt8(ascii: "X"): stack.append(.text(try text(Int(try number(4)))))
    case UInt8(ascii: "U"): stack.append(.text(try text(Int(try number(1)))))

    case UInt8(ascii: "("):
      guard marks.count < Self.maximumMarks else {
        throw PyTorchProblem("expected at most \(Self.maximumMarks) levels, found more")
      }
      marks.append(stack.count)
    case UInt8(ascii: ")"): pushTuple([])
    case 0x85...0x87:
      var items: [PickleValue] = []
      for _ in 0..<operation - 0x84 { items.append(try pop()) }
      pushTuple(items.reversed())
    case UInt8(ascii: "t"): pushTuple(try popToMark())
    case UInt8(ascii: "]"):
      heap.lists.append([])
      stack.append(.list(heap.lists.count - 1))
    case UInt8(ascii: "}"): pushDictionary(isOrdered: false)
    case UInt8(ascii: "a"): try extendList([try pop()])
    case UInt8(ascii: "e"): try extendList(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try extendDictionary([try pop(), value])
    case UInt8(ascii: "u"): try extendDictionary(try popToMark())

    case UInt8(ascii: "q"): memo[Int(try number(1))] = try top()
    case UInt8(ascii: "r"): memo[Int(try number(4))] = try top()
    case UInt8(ascii: "h"): try recall(Int(try number(1)))
    case UInt8(ascii: "j"): try recall(Int(try number(4)))

    case UInt8(ascii: "c"): stack.append(.global(try global()))
    case UInt8(ascii: "R"):
      let arguments = try pop()
      try call(try pop(), arguments)
    case UInt8(ascii: "b"): try setAttributes()
    case UInt8(ascii: "Q"): try pushStorage(try pop())
    default: throw PyTorchProblem("operation 0x\(String(operation, radix: 16)) is not one of a model's weights")
    }
  }

  // MARK: Reading

  private mutating func take(_ count: Int) throws(PyTorchProblem) -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else {
      throw .incomplete("expected \(count) more bytes, found \(bytes.count - position)")
    }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func byte() throws(PyTorchProblem) -> UInt8 { try take(1)[position - 1] }

  /// An unsigned little-endian number of up to four bytes.
  private mutating func number(_ width: Int) throws(PyTorchProblem) -> UInt32 {
    try take(width).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// A number of any length in two's complement, of which those up to eight bytes are read.
  private mutating func longInteger() throws(PyTorchProblem) -> Int {
    let digits = try take(Int(try byte()))
    guard digits.count <= 8 else {
      throw PyTorchProblem("expected an integer of at most 8 bytes, found \(digits.count)")
    }
    let isNegative = (digits.last ?? 0) >= 0x80
    return digits.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) }
  }

  private mutating func text(_ count: Int) throws(PyTorchProblem) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw PyTorchProblem("expected text in UTF-8")
    }
    return text
  }

  private mutating func line() throws(PyTorchProblem) -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw .incomplete("expected the end of a name")
    }
    defer { position = end + 1 }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  private mutating func global() throws(PyTorchProblem) -> PickleGlobal {
    let (module, name) = (try line(), try line())
    guard let global = PickleGlobal(module: module, name: name) else {
      throw PyTorchProblem(
        "expected nothing but tensors in dictionaries, found \("\(module).\(name)".quoted), of which nothing was run; if "
          + "you trust the file, load it with PyTorch and save its state_dict() alone")
    }
    return global
  }

  // MARK: The stack

  private var floor: Int { marks.last ?? 0 }

  private func top() throws(PyTorchProblem) -> PickleValue {
    guard stack.count > floor else { throw PyTorchProblem("expected a value on the stack, found none") }
    return stack[stack.count - 1]
  }

  private mutating func pop() throws(PyTorchProblem) -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func popToMark() throws(PyTorchProblem) -> [PickleValue] {
    guard let mark = marks.popLast() else { throw PyTorchProblem("expected a mark, found none") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func recall(_ place: Int) throws(PyTorchProblem) {
    guard let value = memo[place] else { throw PyTorchProblem("expected a value remembered as \(place), found none") }
    stack.append(value)
  }

  // MARK: Containers

  private mutating func pushTuple(_ items: [PickleValue]) {
    heap.tuples.append(items)
    stack.append(.tuple(heap.tuples.count - 1))
  }

  private mutating func pushDictionary(isOrdered: Bool) {
    heap.dictionaries.append(.init(isOrdered: isOrdered))
    stack.append(.dictionary(heap.dictionaries.count - 1))
  }

  private mutating func extendList(_ items: [PickleValue]) throws(PyTorchProblem) {
    let target = try top()
    guard case .list(let place) = target else { throw PyTorchProblem("expected a list, found \(target.summary)") }
    heap.lists[place] += items
  }

  /// - Parameter items: Keys and values in turn.
  private mutating func extendDictionary(_ items: [PickleValue]) throws(PyTorchProblem) {
    let target = try top()
    guard case .dictionary(let place) = target else {
      throw PyTorchProblem("expected a dictionary, found \(target.summary)")
    }
    guard items.count.isMultiple(of: 2) else { throw PyTorchProblem("expected a value for each key, found one less") }
    for index in stride(from: 0, to: items.count, by: 2) {
      heap.dictionaries[place].items.append((items[index], items[index + 1]))
    }
  }

  /// `_metadata` and the like, which say nothing about the weights.
  private mutating func setAttributes() throws(PyTorchProblem) {
    let (attributes, target) = (try pop(), try top())
    guard case .dictionary(let place) = target, heap.dictionaries[place].isOrdered, case .dictionary = attributes else {
      throw PyTorchProblem("expected attributes of an OrderedDict, found \(attributes.summary) for \(target.summary)")
    }
  }

  // MARK: What calls do

  private mutating func call(_ function: PickleValue, _ arguments: PickleValue) throws(PyTorchProblem) {
    guard case .global(let global) = function, case .tuple(let place) = arguments else {
      throw PyTorchProblem("expected a call, found \(function.summary) and \(arguments.summary)")
    }
    let arguments = heap.tuples[place]
    switch (global, arguments.count) {
    case (.orderedDictionary, 0): pushDictionary(isOrdered: true)
    case (.orderedDictionary, 1): try pushOrderedDictionary(of: arguments[0])
    case (.size, 1):
      guard case .tuple = arguments[0] else { throw PyTorchProblem("expected a tuple, found \(arguments[0].summary)") }
      stack.append(arguments[0])
    case (.rebuildTensor, 4), (.rebuildTensorV2, 6): try pushTensor(arguments)
    case (.rebuildTensorV2, 7):
      // Conjugate and negative views, whose elements are not what is stored.
      guard isNothing(arguments[6]) else { throw PyTorchProblem("expected a plain tensor, found one with metadata") }
      try pushTensor(arguments)
    case (.rebuildParameter, 3):
      guard case .tensor = arguments[0] else {
        throw PyTorchProblem("expected a tensor, found \(arguments[0].summary)")
      }
      stack.append(arguments[0])
    default: throw PyTorchProblem("expected other arguments, found \(arguments.count)")
    }
  }

  private func isNothing(_ value: PickleValue) -> Bool {
    switch value {
    case .none: true
    case .dictionary(let place): heap.dictionaries[place].items.isEmpty
    default: false
    }
  }

  /// As Python 2 wrote it: of a list of keys with their values.
  private mutating func pushOrderedDictionary(of pairs: PickleValue) throws(PyTorchProblem) {
    guard case .list(let place) = pairs else { throw PyTorchProblem("expected a list, found \(pairs.summary)") }
    // The only call that takes longer for a longer argument, which may be given to it again and again.
    try count(heap.lists[place].count)
    var items: [PickleValue] = []
    for pair in heap.lists[place] {
      let both: [PickleValue]
      switch pair {
      case .list(let place): both = heap.lists[place]
      case .tuple(let place): both = heap.tuples[place]
      default: both = []
      }
      guard both.count == 2 else { throw PyTorchProblem("expected a key and a value, found \(pair.summary)") }
      items += both
    }
    pushDictionary(isOrdered: true)
    try extendDictionary(items)
  }

  /// Storage, offset, size and strides; whether gradients are wanted and hooks do not matter.
  private mutating func pushTensor(_ arguments: [PickleValue]) throws(PyTorchProblem) {
    guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
      let shape = integers(arguments[2]), let strides = integers(arguments[3])
    else {
      throw PyTorchProblem("expected a storage, an offset, a size and strides, found something else")
    }
    heap.tensors.append(TensorView(storage: storage, offset: offset, shape: shape, strides: strides))
    stack.append(.tensor(heap.tensors.count - 1))
  }

  private func integers(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let place) = value, heap.tuples[place].count <= 8 else { return nil }
    var integers: [Int] = []
    for item in heap.tuples[place] {
      guard case .integer(let integer) = item else { return nil }
      integers.append(integer)
    }
    return integers
  }

  /// `("storage", type, key, device, elements)`, with a part of it as sixth where the legacy format shares storages.
  private mutating func pushStorage(_ identifier: PickleValue) throws(PyTorchProblem) {
    guard case .tuple(let place) = identifier, (5...6).contains(heap.tuples[place].count),
      case .text("storage") = heap.tuples[place][0], case .global(.storage(let type)) = heap.tuples[place][1],
      case .text(let key) = heap.tuples[place][2], case .text = heap.tuples[place][3],
      case .integer(let count) = heap.tuples[place][4], (0...TensorDescription.maximumCount).contains(count)
    else {
      throw PyTorchProblem(
        "expected a storage of at most \(TensorDescription.maximumCount) elements, found something else")
    }
    var part = 0..<count
    if heap.tuples[place].count == 6, case let view = heap.tuples[place][5], !isNothing(view) {
      guard case .tuple(let view) = view, heap.tuples[view].count == 3, case .integer(let start) = heap.tuples[view][1],
        case .integer(let size) = heap.tuples[view][2], start >= 0, size >= 0, start <= count, size <= count - start
      else {
        throw PyTorchProblem("expected a part of a storage of \(count) elements, found something else")
      }
      part = start..<start + size
    }
    heap.storages.append(StorageReference(key: key, type: type, count: count, part: part))
    stack.append(.storage(heap.storages.count - 1))
  }
}
