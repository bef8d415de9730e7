import ArgumentParser

/// A configuration of `configs/`, which the build puts into the program.
enum Template: String, CaseIterable, ExpressibleByArgument {
  case finetune
  case baseline
  case mixStep = "mix-step"
  case twoStep = "two-step"
  case twoStepFirst = "two-step-1st"
  case twoStepSecond = "two-step-2nd"
  case sweep
  case fewLabels = "few-labels"
  case enoughLabels = "enough-labels"
  case noLabels = "no-labels"
  case narrowStudent = "narrow-student"
  case largerTeacher = "larger-teacher"
  case severalTeachers = "several-teachers"
  case twoStepText = "two-step-text"
  case regression
  case multilabel
  case tokens
  case reranker
  case embedding
  case plainText = "plain-text"

  private var source: (path: String, bytes: [UInt8]) {
    switch self {
    case .finetune: ("configs/finetune.yaml", PackageResources.finetune_yaml)
    case .baseline: ("configs/student_baseline.yaml", PackageResources.student_baseline_yaml)
    case .mixStep: ("configs/distillation_ms.yaml", PackageResources.distillation_ms_yaml)
    case .twoStep: ("configs/distillation_ts.yaml", PackageResources.distillation_ts_yaml)
    case .twoStepFirst: ("configs/distillation_ts_1st.yaml", PackageResources.distillation_ts_1st_yaml)
    case .twoStepSecond: ("configs/distillation_ts_2nd.yaml", PackageResources.distillation_ts_2nd_yaml)
    case .sweep: ("configs/sweep.yaml", PackageResources.sweep_yaml)
    case .fewLabels: ("configs/recipes/few-labels.yaml", PackageResources.few_labels_yaml)
    case .enoughLabels: ("configs/recipes/enough-labels.yaml", PackageResources.enough_labels_yaml)
    case .noLabels: ("configs/recipes/no-labels.yaml", PackageResources.no_labels_yaml)
    case .narrowStudent: ("configs/recipes/narrow-student.yaml", PackageResources.narrow_student_yaml)
    case .largerTeacher: ("configs/recipes/larger-teacher.yaml", PackageResources.larger_teacher_yaml)
    case .severalTeachers: ("configs/recipes/several-teachers.yaml", PackageResources.several_teachers_yaml)
    case .twoStepText: ("configs/recipes/two-step-text.yaml", PackageResources.two_step_text_yaml)
    case .regression: ("configs/recipes/regression.yaml", PackageResources.regression_yaml)
    case .multilabel: ("configs/recipes/multilabel.yaml", PackageResources.multilabel_yaml)
    case .tokens: ("configs/recipes/tokens.yaml", PackageResources.tokens_yaml)
    case .reranker: ("configs/recipes/reranker.yaml", PackageResources.reranker_yaml)
    case .embedding: ("configs/recipes/embedding.yaml", PackageResources.embedding_yaml)
    case .plainText: ("configs/recipes/plain-text.yaml", PackageResources.plain_text_yaml)
    }
  }

  /// Where it is in the repository, as its own comments name it.
  var path: String { source.path }
  var text: String { String(decoding: source.bytes, as: UTF8.self) }

  /// Its first line, which says what it does.
  var summary: String { String(text.prefix { $0 != "\n" }.drop { "# ".contains($0) }) }
}
