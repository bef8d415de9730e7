import Checkpoints
import Encoders

/// The models of a run as their `config.json` tell of them, without their weights.
package struct ModelShapes: Sendable, Equatable {
  package let student: EncoderConfiguration
  /// `nil` where no stage learns from one.
  package let teacher: EncoderConfiguration?
  /// Those besides it.
  let otherTeachers: [EncoderConfiguration]
  let tokenizerDirectory: String
  /// The part of its tokens that the student keeps.
  let vocabulary: StudentSettings.Vocabulary?

  /// Of models that have been read.
  init(_ inputs: RunInputs, _ configuration: RunConfiguration) {
    vocabulary = configuration.student.vocabulary
    student = inputs.student.configuration
    teacher = inputs.teacher?.configuration
    otherTeachers = inputs.teachers.compactMap(\.model?.configuration).dropFirst().map { $0 }
    tokenizerDirectory = inputs.student.tokenizerDirectory
  }

  package init(_ configuration: RunConfiguration) throws {
    let teacherPath = configuration.teacher?.model
    func read(_ path: String) throws -> EncoderConfiguration {
      let directory = try ModelDirectory(path)
      var shape = try EncoderConfiguration(huggingFace: directory.configuration, path: directory.configurationPath)
      if !configuration.task.kind.problem.hasHead {
        shape.vector = try SentenceModules(of: directory, hidden: shape.hiddenSize)?.shape ?? shape.vector
        shape.take(configuration.task)
      }
      return shape
    }
    var student: EncoderConfiguration
    let own: String?
    switch configuration.student.source {
    case .model(let path):
      (student, own) = (try read(path), path)
      if let layers = configuration.student.layers {
        try student.check(layers, of: path, key: "student.layers")
        student = student.picking(layers: layers.map { $0 - 1 })
      }
    case .teacherLayers(let layers):
      guard let teacherPath else {
        throw ModelError("student.fromTeacher: expected a teacher to take layers from; set teacher.model")
      }
      let teacher = try read(teacherPath)
      try teacher.check(layers, of: teacherPath, key: "student.fromTeacher.layers")
      student = teacher.picking(layers: layers.map { $0 - 1 })
      if let hidden = configuration.student.hidden { student = try student.narrowed(to: hidden, of: teacherPath) }
      own = teacherPath
    case .fresh(let shape): (student, own) = (shape, teacherPath)
    }
    guard let tokenizer = configuration.student.tokenizer ?? own else {
      throw ModelError("student.config: expected a tokenizer; set student.tokenizer or teacher.model")
    }
    let dropout = configuration.student.dropout
    if let hidden = dropout.hidden { student.setHiddenDropout(hidden) }
    student.attentionDropout = dropout.attention ?? student.attentionDropout
    student.take(configuration.task)
    student.vector.dense = try student.projected(
      by: configuration.task.projection, replaces: configuration.student.replacesProjection, path: own ?? tokenizer)
    vocabulary = configuration.student.vocabulary
    student.vocabularySize = min(vocabulary?.keep ?? .max, student.vocabularySize)
    self.student = student
    tokenizerDirectory = tokenizer
    let learns = configuration.stages.contains { !$0.adaptors.isEmpty }
    let live = learns ? configuration.teachers.filter(\.predictions.isEmpty).compactMap(\.model) : []
    teacher = try live.first.map(read)
    otherTeachers = try live.dropFirst().map(read)
  }
}
