import Encoders
import Kernels
import Text

/// Where a stage gets the frozen model's features from.
package protocol TeacherSource: Sendable {
  /// The taps of a micro-batch that the stage's adaptors read, in `arena`. Called by many threads at once.
  func features(of batch: Batch, arena: Arena) -> Taps
}

/// A teacher with a vocabulary of its own. It reads each row in its own tokens, so that what it says of sentences as a whole
/// is the student's to learn, and nothing that goes token by token.
package struct RetokenizedTeacher: TeacherSource {
  private let teacher: any TeacherSource
  private let rows: TokenizedDataset

  /// - Parameter rows: those that batches are of, in the teacher's tokens.
  package init(_ teacher: any TeacherSource, rows: TokenizedDataset) {
    (self.teacher, self.rows) = (teacher, rows)
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    teacher.features(of: rows.batch(batch.samples), arena: arena)
  }
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
