import Encoders
import Kernels
import Limits

/// What a map of `task.projection` takes the place of.
enum ReplacedProjection: Sendable {
  /// Of none: what the student's directory has stays.
  case none
  /// Of another one, as the student has the teacher's by the way only.
  case others
  /// Of any.
  case all
}

extension StudentSettings {
  var replacesProjection: ReplacedProjection {
    if head == .new { return .all }
    if case .teacherLayers = source { return .others }
    return .none
  }
}

extension EncoderConfiguration {
  /// The map that a student has: its own, or one that the task asks for.
  ///
  /// - Parameter path: the directory of its own.
  func projected(
    by settings: TaskSettings.Projection?, replaces: ReplacedProjection, path: String
  ) throws -> SentenceVectorShape.Dense? {
    guard let settings else { return vector.dense }
    if let own = vector.dense, replaces != .all {
      if own.width == settings.width, settings.activation.map({ $0 == own.activation }) ?? true { return own }
      guard replaces == .others else {
        let found =
          settings.activation.map { "\(settings.width) with activation \($0.rawValue)" } ?? "\(settings.width)"
        throw ModelError(
          "task.projection: expected \(own.width) with activation \(own.activation.rawValue), as the Dense of "
            + "\(path.escapedForDisplay) has, found \(found); leave out task.projection, or start a new Dense with "
            + "student.head: new")
      }
    }
    if let problem = SentenceVectorShape.Dense.sizeProblem(width: settings.width, hidden: hiddenSize) {
      throw ModelError("task.projection: \(problem); choose a smaller number")
    }
    return SentenceVectorShape.Dense(width: settings.width, activation: settings.activation ?? .identity)
  }
}

extension ClassifierModel {
  /// The same with the map that the task asks for: its own, or a new one.
  func projecting(
    _ settings: TaskSettings.Projection?, replaces: ReplacedProjection, seed: UInt64
  ) throws -> ClassifierModel {
    guard configuration.problem == .embedding else { return self }
    let (own, path) = (configuration.vector.dense, tokenizerDirectory)
    var configuration = self.configuration
    configuration.vector.dense = try configuration.projected(by: settings, replaces: replaces, path: path)
    guard let dense = configuration.vector.dense else { return self }
    let place = dense == own ? "" : own.map { ", in the place of one of \($0.width)" } ?? ""
    let notice =
      "\(path.escapedForDisplay): the Dense of sentence vectors is new (\(dense.width) outputs\(place)) and will be trained"
    guard dense != own else {
      return hasTrainedHead ? self : with(encoder, weights, notice)
    }
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    try OutOfMemory.check(4 * layout.count, for: "the student's weights")
    let result = ParameterBuffer(layout, for: "the student's weights")
    for entry in layout.entries where entry.folder == nil {
      guard let own = weights.layout[entry.key] else { preconditionFailure("\(entry.key): only the map is new") }
      result[entry.slot].copy(from: weights[own.slot])
    }
    result.initialize(layout.entries.filter { $0.folder != nil }, seed: seed)
    return with(encoder, result, notice)
  }

  private func with(_ encoder: Encoder, _ weights: ParameterBuffer, _ notice: String) -> ClassifierModel {
    ClassifierModel(
      encoder: encoder, weights: weights, configurationJSON: configurationJSON, tokenizerDirectory: tokenizerDirectory,
      ownTokenizer: ownTokenizer, notices: notices + [notice], hasTrainedHead: false)
  }
}
