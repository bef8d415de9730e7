import Checkpoints

/// What a model is read for, which decides what helps where it does not fit.
package enum ModelRole: Sendable {
  case student, teacher
  /// Run as it is, by a command that has no configuration.
  case alone

  /// What to do about a head that is missing or not the task's.
  var headRemedies: HeadRemedies {
    switch self {
    case .student:
      HeadRemedies(
        missing: "fine-tune the model first, or start a new head with student.head: new",
        otherShape: "name the model's classes in task.labels, or start a new head with student.head: new")
    case .teacher:
      HeadRemedies(
        missing: "fine-tune the teacher on the task first, as configs/finetune.yaml does",
        otherShape: "name the teacher's classes in task.labels, or fine-tune a teacher on these")
    case .alone:
      HeadRemedies(
        missing: "fine-tune the model first, as configs/finetune.yaml does",
        otherShape: "does config.json belong to this file?")
    }
  }

  /// What to do about a head of another task.
  var otherTaskRemedy: String {
    switch self {
    case .student: "use a model of task.kind, or start a new head with student.head: new"
    case .teacher: "use a teacher of task.kind, or stages that read no logits"
    case .alone: "use a model of a task that distill-ddp knows"
    }
  }
}
