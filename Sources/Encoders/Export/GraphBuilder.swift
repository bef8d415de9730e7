import Kernels
import ONNX

/// Adds an encoder's maps, norms and activations to a graph, with its weights at a precision.
struct GraphBuilder {
  typealias Value = Graph.Value

  let configuration: EncoderConfiguration
  let weights: ParameterBuffer
  let precision: GraphPrecision
  var graph = Graph()
  /// What stands for 0 in quantized rows.
  private var quantizedZero: Value?
  init(_ configuration: EncoderConfiguration, weights: ParameterBuffer, precision: GraphPrecision) {
    self.configuration = configuration
    self.weights = weights
    self.precision = precision
  }

  /// Of what is computed between maps.
  var elements: ElementType { precision == .float16 ? .float16 : .float32 }

  // MARK: Numbers

  /// A number of the type that is computed with.
  mutating func scalar(_ number: Float) -> Value {
    let value = graph.scalar(number)
    return precision == .float16 ? cast(value, to: .float16) : value
  }

  mutating func cast(_ value: Value, to type: ElementType) -> Value {
    graph.node("Cast", [value], [.integer("to", Int(type.rawValue))])
  }

  /// A parameter as it is, of the type that is computed with.
  mutating func parameter(_ slot: Slot, _ name: String, isVector: Bool = false) -> Value {
    table(name, shape: isVector ? [slot.columns] : [slot.rows, slot.columns]) { [weights] in
      Array(weights[slot].contiguous)
    }
  }

  /// A tensor of the type that is computed with.
  mutating func table(_ name: String, shape: [Int], _ numbers: @escaping () -> [Float]) -> Value {
    switch elements {
    case .float16:
      graph.tensor(TensorConstant(graph.scope + name, .float16, shape: shape) { try Self.halves(numbers(), name) })
    default:
      graph.tensor(
        TensorConstant(graph.scope + name, .float32, shape: shape) { numbers().withUnsafeBytes { Array($0) } })
    }
  }

  private static func halves(_ numbers: [Float], _ name: String) throws -> [UInt8] {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * numbers.count, alignment: 2)
    defer { bytes.deallocate() }
    guard let base = bytes.baseAddress else { return [] }
    let fits = numbers.withUnsafeBufferPointer { floats in
      floats.baseAddress.map { encodeHalves(base, from: $0, count: numbers.count) } ?? true
    }
    guard fits else {
      throw GraphError(
        "\(name): has numbers beyond ±65504, the largest of float16; export this model with float32 or int8")
    }
    return Array(bytes)
  }

  // MARK: Blocks

  /// x·W + b. x: (…, inputs)
  mutating func linear(_ x: Value, _ slots: AffineSlots, _ name: String) -> Value {
    let product = precision == .int8 ? quantizedProduct(x, slots.weight, name) : product(x, slots.weight, name)
    guard let bias = slots.bias else { return product }
    return graph.node("Add", [product, parameter(bias, "\(name).bias", isVector: true)])
  }

  private mutating func product(_ x: Value, _ slot: Slot, _ name: String) -> Value {
    let weight = table("\(name).weight", shape: [slot.columns, slot.rows]) { [weights] in
      weights[slot].transposedNumbers
    }
    return graph.node("MatMul", [x, weight])
  }

  /// x and W in 8 bits, their product in 32, as ONNX Runtime quantizes dynamically.
  private mutating func quantizedProduct(_ x: Value, _ slot: Slot, _ name: String) -> Value {
    // Seven bits: with eight, processors without VNNI saturate when they add products in pairs.
    let scales = weights[slot].rowScales(levels: 64)
    let weight = graph.tensor(
      TensorConstant("\(graph.scope)\(name).weight_int8", .int8, shape: [slot.columns, slot.rows]) { [weights] in
        weights[slot].quantizedTransposed(scales)
      })
    let scale = graph.tensor(TensorConstant("\(graph.scope)\(name).weight_scale", shape: [slot.rows], floats: scales))
    let zero = graph.tensor(
      TensorConstant("\(graph.scope)\(name).weight_zero_point", .int8, shape: [slot.rows]) {
        [UInt8](repeating: 0, count: slot.rows)
      })
    let (rows, rowScale) = quantizedRows(x)
    let sums = graph.node("MatMulInteger", [rows, weight, middle(), zero])
    return graph.node("Mul", [graph.node("Mul", [cast(sums, to: .float32), rowScale]), scale])
  }

  /// x in 8 bits around `middle`, and what one of them is worth in each row. x: (…, width)
  private mutating func quantizedRows(_ x: Value) -> (rows: Value, scale: Value) {
    // DynamicQuantizeLinear has one scale for the whole batch, which a single outlier coarsens.
    let largest = graph.node("ReduceMax", [graph.node("Abs", [x])], [.integers("axes", [-1]), .integer("keepdims", 1)])
    let scale = graph.node("Max", [graph.node("Mul", [largest, scalar(1 / 127)]), scalar(1e-20)])
    let whole = graph.node("Round", [graph.node("Div", [x, scale])])
    return (cast(graph.node("Add", [whole, scalar(128)]), to: .uint8), scale)
  }

  private mutating func middle() -> Value {
    if let known = quantizedZero { return known }
    let value = graph.tensor(TensorConstant("middle", .uint8, shape: []) { [128] })
    quantizedZero = value
    return value
  }

  /// Rows of a table. ids: any shape
  mutating func lookUp(_ slot: Slot, _ ids: Value, _ name: String) -> Value {
    guard precision == .int8 else { return graph.node("Gather", [parameter(slot, name), ids]) }
    // A scale a row, so that rare words keep their digits beside frequent ones.
    let scales = weights[slot].rowScales(levels: 127)
    let rows = graph.tensor(
      TensorConstant("\(graph.scope)\(name)_int8", .int8, shape: [slot.rows, slot.columns]) { [weights] in
        weights[slot].quantized(scales)
      })
    let scale = graph.tensor(TensorConstant("\(graph.scope)\(name)_scale", shape: [slot.rows, 1], floats: scales))
    let numbers = cast(graph.node("Gather", [rows, ids]), to: .float32)
    return graph.node("Mul", [numbers, graph.node("Gather", [scale, ids])])
  }

  mutating func layerNorm(_ x: Value, _ slots: NormSlots, _ name: String) -> Value {
    let weight = parameter(slots.weight, "\(name).weight", isVector: true)
    let bias = slots.bias.map { parameter($0, "\(name).bias", isVector: true) }
    return graph.node(
      "LayerNormalization", [x, weight] + (bias.map { [$0] } ?? []),
      [.integer("axis", -1), .float("epsilon", configuration.layerNormEps)])
  }

  mutating func activation(_ activation: Activation, _ x: Value) -> Value {
    switch activation {
    case .relu: return graph.node("Relu", [x])
    case .gelu:
      // 0.5·x·(1 + erf(x/√2)), in the order in which ONNX Runtime looks for it.
      let error = graph.node("Erf", [graph.node("Div", [x, scalar(Float(2).squareRoot())])])
      let product = graph.node("Mul", [x, graph.node("Add", [error, scalar(1)])])
      return graph.node("Mul", [product, scalar(0.5)])
    case .geluNew:
      // 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
      let cube = graph.node("Mul", [graph.node("Mul", [x, x]), x])
      let inner = graph.node("Add", [x, graph.node("Mul", [cube, scalar(0.044715)])])
      let tanh = graph.node("Tanh", [graph.node("Mul", [inner, scalar((2 / Float.pi).squareRoot())])])
      return graph.node("Mul", [graph.node("Mul", [x, scalar(0.5)]), graph.node("Add", [tanh, scalar(1)])])
    }
  }

  // MARK: Shapes

  /// 0 keeps a dimension, −1 follows from the others.
  mutating func reshape(_ x: Value, _ shape: [Int]) -> Value {
    graph.node("Reshape", [x, graph.integers(shape)])
  }

  mutating func transpose(_ x: Value, _ order: [Int]) -> Value {
    graph.node("Transpose", [x], [.integers("perm", order)])
  }

  mutating func unsqueeze(_ x: Value, _ axes: [Int]) -> Value {
    graph.node("Unsqueeze", [x, graph.integers(axes)])
  }

  /// Equal parts of the last dimension.
  mutating func parts(_ x: Value, _ count: Int, of width: Int) -> [Value] {
    graph.node(
      "Split", [x, graph.integers(Array(repeating: width, count: count))], [.integer("axis", -1)], outputs: count)
  }
}

/// A model that has no graph at the precision asked for.
package struct GraphError: Error, CustomStringConvertible, Equatable {
  package let description: String

  init(_ description: String) { self.description = description }
}

extension Matrix {
  fileprivate var contiguous: UnsafeBufferPointer<Float> {
    precondition(isContiguous)
    return UnsafeBufferPointer(start: base, count: count)
  }

  var transposedNumbers: [Float] {
    let (rows, columns, numbers) = (rows, columns, contiguous)
    return [Float](unsafeUninitializedCapacity: count) { out, initialized in
      for row in 0..<rows {
        for column in 0..<columns { out[column * rows + row] = numbers[row * columns + column] }
      }
      initialized = rows * columns
    }
  }

  /// What a whole number is worth in each row, whose largest becomes `levels`.
  fileprivate func rowScales(levels: Float) -> [Float] {
    let numbers = contiguous
    return (0..<rows).map { row in
      let largest = numbers[row * columns..<(row + 1) * columns].reduce(0) { max($0, abs($1)) }
      return largest > 0 ? largest / levels : 1
    }
  }

  fileprivate func quantized(_ scales: [Float]) -> [UInt8] {
    let numbers = contiguous
    return [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
      for row in 0..<rows {
        for index in row * columns..<(row + 1) * columns { out[index] = Self.eightBits(numbers[index] / scales[row]) }
      }
      initialized = numbers.count
    }
  }

  fileprivate func quantizedTransposed(_ scales: [Float]) -> [UInt8] {
    let (rows, columns, numbers) = (rows, columns, contiguous)
    return [UInt8](unsafeUninitializedCapacity: count) { out, initialized in
      for row in 0..<rows {
        for column in 0..<columns {
          out[column * rows + row] = Self.eightBits(numbers[row * columns + column] / scales[row])
        }
      }
      initialized = numbers.count
    }
  }

  private static func eightBits(_ x: Float) -> UInt8 { UInt8(bitPattern: Int8(x.rounded(.toNearestOrEven))) }
}
