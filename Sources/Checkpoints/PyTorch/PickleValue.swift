/// A value of a pickle. Whatever may hold others is a place in the heap, so that values which hold each other, however
/// deeply or in circles, cost no recursion.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  /// A number that nothing here depends on.
  case float
  case text(String)
  case global(PickleGlobal)
  case tuple(Int)
  case list(Int)
  case dictionary(Int)
  case storage(Int)
  case tensor(Int)

  /// What a message calls it.
  var summary: String {
    switch self {
    case .none: "None"
    case .boolean(let flag): flag ? "True" : "False"
    case .integer(let number): "\(number)"
    case .float: "a number"
    case .text(let text): text.quoted
    case .global: "a function or class"
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// The values that a pickle's other values refer to.
struct PickleHeap {
  struct Dictionary {
    /// An `OrderedDict`, which may have attributes.
    let isOrdered: Bool
    /// In the order written; a key may be there twice.
    var items: [(key: PickleValue, value: PickleValue)] = []
  }

  var tuples: [[PickleValue]] = []
  var lists: [[PickleValue]] = []
  var dictionaries: [Dictionary] = []
  var storages: [StorageReference] = []
  var tensors: [TensorView] = []
}

/// A pickle's mention of elements that lie outside it.
struct StorageReference: Equatable {
  let key: String
  let type: TensorType
  /// Of the whole storage, in elements.
  let count: Int
  /// The part that is meant, in elements.
  let part: Range<Int>
}

/// A tensor as a pickle describes it: nothing about it has been checked.
struct TensorView {
  /// A place in the heap's storages.
  let storage: Int
  let offset: Int
  let shape: [Int]
  let strides: [Int]
}
