import Distillation
import Encoders
import Kernels
import Text

/// What one worker thread owns: memory for activations, and gradients.
///
/// `@unchecked Sendable`: an array of workers is shared with the pool, and each is used only by the thread of its index,
/// or by the main thread while no thread runs.
final class Worker: @unchecked Sendable {
  /// A micro-batch behind both models, which lies in the arena.
  struct ForwardPass {
    let batch: Batch
    let features: Taps
    let student: EncoderPass
  }

  let arena = Arena()
  private let layout: ParameterLayout?
  /// The first holds the sum of all micro-batches so far, or of the first ones where they are summed in a tree.
  private var gradients: [ParameterBuffer] = []
  /// The first micro-batch of the next step with the teacher's features of it, which lie in the arena.
  private var prepared: (batch: Batch, features: Taps)?
  /// A micro-batch whose losses wait for what other ranks and workers find.
  var waiting: ForwardPass?

  /// - Parameter layout: that of the gradients; `nil` for evaluation only.
  init(gradient layout: ParameterLayout?) {
    self.layout = layout
  }

  /// The gradient at a place of the worker's list, made when it is first asked for.
  func gradient(_ index: Int) -> ParameterBuffer {
    guard let layout else { preconditionFailure("a worker for evaluation has no gradients") }
    while gradients.count <= index { gradients.append(ParameterBuffer(layout, for: "a worker's gradient")) }
    return gradients[index]
  }

  /// Runs the teacher ahead of the step that needs it.
  func prepare(_ batch: Batch, teacher: any TeacherSource) {
    arena.reset()
    prepared = (batch, teacher.features(of: batch, arena: arena))
  }

  /// The teacher's features of a micro-batch, computed unless they have been prepared. What was in the arena is gone.
  func features(of batch: Batch, teacher: (any TeacherSource)?) -> Taps {
    defer { prepared = nil }
    if let prepared, prepared.batch.samples == batch.samples { return prepared.features }
    arena.reset()
    return teacher?.features(of: batch, arena: arena) ?? Taps()
  }
}
