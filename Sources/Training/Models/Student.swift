import Checkpoints
import Encoders
import Kernels
import Limits

extension ClassifierModel {
  /// Makes the model a run trains: read, picked from the teacher's layers, or drawn.
  ///
  /// - Parameter teacherPath: the teacher's directory, which `fromTeacher` reads.
  package init(
    student settings: StudentSettings, teacherPath: String?, task: TaskSettings, seed: UInt64
  ) throws {
    let model: ClassifierModel
    switch settings.source {
    case .model(let path):
      if let layers = settings.layers { try Self.check(layers, of: path, key: "student.layers") }
      model = try ClassifierModel(
        directory: path, head: settings.head.policy, labels: task.labels, task: task.kind,
        layers: settings.layers.map { $0.map { $0 - 1 } }, seed: seed, role: .student)
    case .teacherLayers(let layers):
      guard let teacherPath else {
        throw ModelError("student.fromTeacher: expected a teacher to take layers from; set teacher.model")
      }
      try Self.check(layers, of: teacherPath, key: "student.fromTeacher.layers")
      model = try ClassifierModel(
        directory: teacherPath, head: settings.head.policy, labels: task.labels, task: task.kind,
        layers: layers.map { $0 - 1 }, seed: seed, role: .student
      ).narrowed(to: settings.hidden)
    case .fresh(var configuration):
      guard let tokenizer = settings.tokenizer ?? teacherPath else {
        throw ModelError("student.config: expected a tokenizer; set student.tokenizer or teacher.model")
      }
      guard let labels = task.labels ?? task.kind.standardOutputs else {
        throw ModelError("student.config: expected the classes of the new student; set task.labels")
      }
      configuration.take(task.kind, labels: labels)
      var layout = ParameterLayout()
      let encoder = Encoder(configuration, layout: &layout)
      try OutOfMemory.check(4 * layout.count, for: "the student's weights")
      let weights = ParameterBuffer(layout, for: "the student's weights")
      weights.initialize(layout.entries, seed: seed)
      model = ClassifierModel(
        encoder: encoder, weights: weights, configurationJSON: nil, tokenizerDirectory: tokenizer,
        notices: [
          "student.config: the student starts from random weights and will learn slowly; fromTeacher or a pretrained "
            + "model starts far ahead"
        ], hasTrainedHead: false)
    }
    self = try model.projecting(
      task.projection, replaces: settings.replacesProjection, seed: seed
    ).replacing(dropout: settings.dropout, tokenizer: settings.tokenizer, task: task)
  }

  private static func check(_ layers: [Int], of path: String, key: String) throws {
    let directory = try ModelDirectory(path)
    try EncoderConfiguration(huggingFace: directory.configuration, path: directory.configurationPath)
      .check(layers, of: path, key: key)
  }

  /// The same weights with other dropout probabilities, another directory's tokenizer, or vectors as the task says.
  private func replacing(
    dropout: DropoutSettings, tokenizer: String?, task: TaskSettings
  ) throws -> ClassifierModel {
    var configuration = self.configuration
    configuration.vector.pooling = task.pooling ?? configuration.vector.pooling
    if task.kind == .pairs { configuration.pairScore = task.loss.score }
    configuration.vector.normalizes = task.normalize ?? configuration.vector.normalizes
    if let hidden = dropout.hidden { configuration.setHiddenDropout(hidden) }
    configuration.attentionDropout = dropout.attention ?? configuration.attentionDropout
    configuration.classifierDropout = dropout.classifier ?? configuration.classifierDropout
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    return ClassifierModel(
      encoder: encoder, weights: weights, configurationJSON: configurationJSON,
      tokenizerDirectory: tokenizer ?? tokenizerDirectory, notices: notices, hasTrainedHead: hasTrainedHead)
  }
}

extension EncoderConfiguration {
  /// Refuses layers, from 1, that a model does not have.
  func check(_ picked: [Int], of path: String, key: String) throws {
    guard picked.allSatisfy({ (1...layers).contains($0) }) else {
      throw ModelError("\(key): expected layers 1…\(layers), which \(path) has, found \(picked)")
    }
  }
}

extension StudentSettings.Head {
  fileprivate var policy: HeadPolicy {
    switch self {
    case .required: .required
    case .newIfMissing: .newIfMissing
    case .new: .new
    }
  }
}
