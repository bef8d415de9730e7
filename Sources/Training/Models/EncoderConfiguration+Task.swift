import Encoders
import JSON

extension EncoderConfiguration {
  /// The task that its head is for.
  package var task: TaskKind { TaskKind.solving(problem) ?? .classification }

  /// Takes a run's task, whose outputs the head then has.
  mutating func take(_ task: TaskSettings) { take(task.kind, labels: task.labels) }

  /// - Parameters:
  ///   - kind: `nil` for the model's own.
  ///   - labels: what outputs are called; `nil` for the model's own if it is of that task, or else for what the task
  ///     calls them.
  mutating func take(_ kind: TaskKind?, labels: [String]?) {
    if let labels {
      self.labels = labels
    } else if let kind, kind.problem != problem, let standard = kind.standardOutputs {
      self.labels = standard
    }
    if let kind { problem = kind.problem }
  }

  /// Checks that a trained head is of this task: those of others bear the same name and may have the same shape.
  /// - Parameters:
  ///   - json: the file's `config.json`.
  ///   - labels: the file's classes.
  func checkTask(of json: JSON, labels: [String], path: String, _ role: ModelRole) throws {
    // Any encoder gives sentence vectors, or is an encoder.
    guard problem.hasHead else { return }
    let remedy = role.otherTaskRemedy
    let architectures = json["architectures"]?.array?.compactMap(\.string) ?? []
    let other = architectures.first { name in
      problem == .tokens
        ? !name.hasSuffix("ForTokenClassification")
        : ["ForTokenClassification", "ForMultipleChoice", "ForQuestionAnswering"].contains { name.hasSuffix($0) }
    }
    if let other {
      throw ModelError(
        "\(path): architectures: expected \"\(family.architecture(for: problem))\", found \(other.quoted), "
          + "which is not supported; " + remedy)
    }
    if let type = json["problem_type"]?.string, type != problem.problemType ?? type {
      let isOther = Problem(rawValue: type) == nil || role == .alone
      throw ModelError(
        "\(path): problem_type: expected \(problem.rawValue.quoted), found \(type.quoted)"
          + (isOther ? ", which is not supported; " : ", which is another task's; ") + remedy)
    }
    if problem != .pairs, Problem.stated(in: json) == .pairs, PairScore(of: json) == .sigmoid {
      throw ModelError(
        "\(path): sentence_transformers.activation_fn: expected none, found that of a model that scores pairs, which is "
          + "another task's; " + remedy)
    }
    if labels.count < task.leastOutputs {
      throw ModelError(
        "\(path): id2label: expected two classes or more, found \(labels.count): a head of one output is a regression; "
          + remedy)
    }
  }
}
