import Encoders
import Kernels
import Text

/// Where a stage gets the frozen model's features from.
package protocol TeacherSource: Sendable {
  /// The taps of a micro-batch that the stage's adaptors read, in `arena`. Called by many threads at once.
  func features(of batch: Batch, arena: Arena) -> Taps
}

/// A frozen model, run in evaluation mode on every micro-batch.
package struct LiveTeacher: TeacherSource {
  let model: FrozenModel
  let taps: TapSelection

  package init(_ model: FrozenModel, taps: TapSelection) {
    self.model = model
    self.taps = taps
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    model.infer(batch, taps: taps, arena: arena)
  }
}
