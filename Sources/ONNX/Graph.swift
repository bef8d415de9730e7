import ProtocolBuffers

/// A computation as ONNX writes it down (onnx/onnx.proto, `GraphProto`), built node by node. Nodes are in the order in
/// which they can run.
package struct Graph {
  /// What a node, an input or a tensor gives, by its name.
  package struct Value: Sendable, Hashable {
    package let name: String
  }

  package enum Dimension: Sendable, Equatable {
    case size(Int)
    /// One that a caller chooses, by its name.
    case free(String)
  }

  package enum Attribute: Sendable {
    case integer(String, Int)
    case float(String, Float)
    case integers(String, [Int])
  }

  private enum Field {
    static let node: UInt64 = 1
    static let name: UInt64 = 2
    static let initializer: UInt64 = 5
    static let input: UInt64 = 11
    static let output: UInt64 = 12
  }

  private var nodes: [[UInt8]] = []
  private var inputs: [[UInt8]] = []
  private var outputs: [[UInt8]] = []
  package private(set) var initializers: [TensorConstant] = []
  private var constants: [[Int]: Value] = [:]
  private var scalars: [Float: Value] = [:]
  /// What stands before the names of what is added.
  package var scope = ""

  package init() {}

  // MARK: Building

  package mutating func input(_ name: String, _ type: ElementType, _ shape: [Dimension]) -> Value {
    inputs.append(Self.information(name, type, shape))
    return Value(name: name)
  }

  package mutating func output(_ name: String, _ value: Value, _ type: ElementType, _ shape: [Dimension]) {
    // A name of its own, whatever made the value.
    append("Identity", [value], [], to: [Value(name: name)])
    outputs.append(Self.information(name, type, shape))
  }

  /// Adds a node of the default operator set with one output.
  package mutating func node(_ operation: String, _ inputs: [Value?], _ attributes: [Attribute] = []) -> Value {
    self.node(operation, inputs, attributes, outputs: 1)[0]
  }

  package mutating func node(
    _ operation: String, _ inputs: [Value?], _ attributes: [Attribute] = [], outputs: Int
  ) -> [Value] {
    let name = "\(scope)\(operation)_\(nodes.count)"
    let values = (0..<outputs).map { Value(name: $0 == 0 ? name : "\(name)_\($0)") }
    append(operation, inputs, attributes, to: values)
    return values
  }

  /// A tensor with numbers of its own, such as a weight.
  package mutating func tensor(_ tensor: TensorConstant) -> Value {
    initializers.append(tensor)
    return Value(name: tensor.name)
  }

  /// A vector of 64-bit integers.
  package mutating func integers(_ values: [Int]) -> Value {
    if let known = constants[values] { return known }
    let value = tensor(TensorConstant("integers_\(constants.count)", shape: [values.count], integers: values))
    constants[values] = value
    return value
  }

  /// A 64-bit integer.
  package mutating func integer(_ value: Int) -> Value {
    node("Squeeze", [integers([value])])
  }

  /// A 32-bit number.
  package mutating func scalar(_ number: Float) -> Value {
    if let known = scalars[number] { return known }
    let value = tensor(TensorConstant("scalar_\(scalars.count)", shape: [], floats: [number]))
    scalars[number] = value
    return value
  }

  private mutating func append(
    _ operation: String, _ inputs: [Value?], _ attributes: [Attribute], to outputs: [Value]
  ) {
    var message = ProtocolMessage()
    // An input that is left out has no name.
    for input in inputs { message.add(1, text: input?.name ?? "") }
    for output in outputs { message.add(2, text: output.name) }
    message.add(3, text: outputs[0].name)
    message.add(4, text: operation)
    for attribute in attributes { message.add(5) { attribute.encode(into: &$0) } }
    nodes.append(message.bytes)
  }

  /// `ValueInfoProto`.
  private static func information(_ name: String, _ type: ElementType, _ shape: [Dimension]) -> [UInt8] {
    var message = ProtocolMessage()
    message.add(1, text: name)
    message.add(2) { valueType in
      valueType.add(1) { tensorType in
        tensorType.add(1, varint: type.rawValue)
        tensorType.add(2) { shapeMessage in
          for dimension in shape {
            shapeMessage.add(1) { message in
              switch dimension {
              case .size(let size): message.add(1, varint: Int64(size))
              case .free(let name): message.add(2, text: name)
              }
            }
          }
        }
      }
    }
    return message.bytes
  }

  // MARK: Encoding

  /// All but the initializers.
  var bytesWithoutInitializers: [UInt8] {
    var message = ProtocolMessage()
    for node in nodes { message.add(Field.node, bytes: node) }
    message.add(Field.name, text: "encoder")
    for input in inputs { message.add(Field.input, bytes: input) }
    for output in outputs { message.add(Field.output, bytes: output) }
    return message.bytes
  }

  /// What stands before an initializer of so many bytes.
  static func header(ofInitializer bytes: Int) -> [UInt8] {
    var message = ProtocolMessage()
    message.add(Field.initializer, lengthOfBytes: bytes)
    return message.bytes
  }
}

extension Graph.Attribute {
  private enum Kind {
    static let float: Int64 = 1
    static let integer: Int64 = 2
    static let integers: Int64 = 7
  }

  /// `AttributeProto`.
  fileprivate func encode(into message: inout ProtocolMessage) {
    switch self {
    case .integer(let name, let value):
      message.add(1, text: name)
      message.add(3, varint: Int64(value))
      message.add(20, varint: Kind.integer)
    case .float(let name, let value):
      message.add(1, text: name)
      message.add(2, float: value)
      message.add(20, varint: Kind.float)
    case .integers(let name, let values):
      message.add(1, text: name)
      for value in values { message.add(8, varint: Int64(value)) }
      message.add(20, varint: Kind.integers)
    }
  }
}
