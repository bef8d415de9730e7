import Encoders
import Glibc
import Kernels

/// How fast this machine multiplies at the shapes of an encoder's layer.
package struct ProductRate: Sendable, Equatable {
  /// Operations a second of processor time, which others on the machine take little from: with weights that are packed,
  /// as a teacher's are.
  package let frozen: Double
  /// The same with weights that are not, and for their gradients.
  package let trained: Double
  /// Of the time that passed, the share in which the thread had a processor.
  package let processorShare: Double

  /// Measures on every worker at once.
  ///
  /// - Parameters:
  ///   - rows: tokens of a micro-batch.
  ///   - seconds: how long it takes, about.
  /// - Returns: each worker's rates.
  package static func measure(
    frozen: EncoderConfiguration, trained: EncoderConfiguration, rows: Int, seconds: Double, pool: WorkerPool
  ) -> [ProductRate] {
    var rates = [ProductRate](
      repeating: ProductRate(frozen: 0, trained: 0, processorShare: 0), count: pool.workers)
    rates.withUnsafeMutableBufferPointer { rates in
      // Each worker writes its own element.
      nonisolated(unsafe) let rates = rates
      pool.run { worker in
        let forward = LayerProducts(frozen, rows: rows).run(seconds: seconds / 2, learns: false)
        let learning = LayerProducts(trained, rows: rows).run(seconds: seconds / 2, learns: true)
        rates[worker] = ProductRate(
          frozen: forward.operations / max(forward.processor, 1e-9),
          trained: learning.operations / max(learning.processor, 1e-9),
          processorShare: min(1, (forward.processor + learning.processor) / (forward.passed + learning.passed)))
      }
    }
    return rates
  }
}

/// The four products with weights of one layer.
private struct LayerProducts {
  private struct Product {
    let weight: Slot
    let input: Matrix
    let out: Matrix
    let dInput: Matrix
  }

  private let products: [Product]
  private let weights: ParameterBuffer
  private let gradient: ParameterBuffer
  private let packed: PackedWeights?
  private let arena = Arena()
  private let operations: Double

  init(_ configuration: EncoderConfiguration, rows: Int) {
    let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
    var layout = ParameterLayout()
    let slots = [(3 * width, width), (width, width), (inner, width), (width, inner)].enumerated().map {
      layout.add("\($0)", [$1.0, $1.1], decays: false)
    }
    weights = ParameterBuffer(layout)
    gradient = ParameterBuffer(layout)
    weights.values.update(repeating: 0.01)
    gradient.values.update(repeating: 0)
    packed = PackedWeights(slots, of: weights)
    if let packed { for index in 0..<packed.count { packed.pack(index) } }
    let arena = arena
    products = slots.map { slot in
      let product = Product(
        weight: slot, input: arena.matrix(rows, slot.columns), out: arena.matrix(rows, slot.rows),
        dInput: arena.matrix(rows, slot.columns))
      product.input.fill(0.01)
      return product
    }
    operations = 2 * Double(rows) * slots.reduce(0) { $0 + Double($1.count) }
  }

  /// Runs until the time is over. The first round, which brings memory in, is not counted.
  func run(seconds: Double, learns: Bool) -> (operations: Double, passed: Double, processor: Double) {
    let clock = ContinuousClock()
    once(learns)
    let (start, processorStart) = (clock.now, Self.processorSeconds())
    var done = 0.0
    var passed = 0.0
    repeat {
      once(learns)
      done += (learns ? 3 : 1) * operations
      passed = (clock.now - start).seconds
    } while passed < seconds
    return (done, passed, Self.processorSeconds() - processorStart)
  }

  private func once(_ learns: Bool) {
    for product in products {
      let weight =
        learns
        ? LinearWeight(weights[product.weight])
        : packed?.weight(product.weight, rows: 0..<product.weight.rows) ?? LinearWeight(weights[product.weight])
      linearForward(out: product.out, input: product.input, weight: weight, bias: nil, arena: arena)
      guard learns else { continue }
      linearBackward(
        dInput: product.dInput, dWeight: gradient[product.weight], dBias: nil, dOut: product.out,
        input: product.input, weight: weight, arena: arena)
    }
  }

  private static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
