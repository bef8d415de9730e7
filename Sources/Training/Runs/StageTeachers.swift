import Distillation
import Encoders
import Text

/// What a stage learns from: a model that runs, what is kept of one, what files say, or several of these as one.
struct StageTeachers {
  /// Of the stage's rows; `nil` where it has no adaptors.
  let training: (any TeacherSource)?
  /// Of the validation rows.
  let validation: (any TeacherSource)?
  /// Of the stage's rows, what gradient shares are measured with: not a cache, whose counts are of steps and validations.
  let measured: (any TeacherSource)?
  /// Those whose features are kept on disk.
  let cached: [CachedTeacher]

  /// - Parameter index: the stage's position.
  init(_ session: RunSession, _ settings: StageSettings, index: Int, taps: TapSelection) {
    guard !settings.adaptors.isEmpty, !session.inputs.teachers.isEmpty else {
      (training, validation, measured, cached) = (nil, nil, nil, [])
      return
    }
    let inputs = session.inputs
    let classes = inputs.student.configuration.outputs
    var cached: [CachedTeacher] = []
    var members: [Member] = []
    for (teacher, model) in zip(inputs.teachers, session.teachers) {
      if let predictions = teacher.predictions {
        let own = inputs.training.positions(of: settings).flatMap { row in
          predictions.training[row * classes..<(row + 1) * classes]
        }
        let source = PredictedTeacher(logits: own, classes: classes)
        members.append(
          Member(
            training: source, validation: PredictedTeacher(logits: predictions.validation, classes: classes),
            measured: source, weight: teacher.weight))
      } else if let model {
        let live = LiveTeacher(model, taps: taps)
        let kept = teacher.cache?.teacher(live)
        if let kept { cached.append(kept) }
        func reading(_ rows: TokenizedDataset?, _ source: any TeacherSource) -> any TeacherSource {
          rows.map { RetokenizedTeacher(source, rows: $0) } ?? source
        }
        let source: any TeacherSource = kept ?? live
        let rows = teacher.texts?.training[index]
        members.append(
          Member(
            training: reading(rows, source), validation: reading(teacher.texts?.validation, source),
            measured: reading(rows, live), weight: teacher.weight))
      }
    }
    self.cached = cached
    func joined(_ source: (Member) -> any TeacherSource) -> any TeacherSource {
      if members.count == 1 { return source(members[0]) }
      return EnsembleTeacher(
        members.map { (source($0), $0.weight) }, average: session.configuration.average, classes: classes,
        areOfTokens: inputs.student.configuration.problem == .tokens)
    }
    (training, validation, measured) = (joined(\.training), joined(\.validation), joined(\.measured))
  }

  private struct Member {
    let training: any TeacherSource
    let validation: any TeacherSource
    let measured: any TeacherSource
    let weight: Double
  }
}
