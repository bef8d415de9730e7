import Kernels

/// What one worker thread owns: memory for activations and a gradient.
///
/// `@unchecked Sendable`: an array of workers is shared with the pool, and each is used only by the thread of its index,
/// or by the main thread while no thread runs.
final class Worker: @unchecked Sendable {
  let arena = Arena()
  let gradient: ParameterBuffer?

  /// - Parameter layout: that of the gradient; `nil` for evaluation only.
  init(gradient layout: ParameterLayout?) {
    gradient = layout.map(ParameterBuffer.init)
  }
}
