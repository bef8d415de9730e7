import Text

/// Tokenised data as plans read it: once for all runs of a sweep that read the same.
final class PlannedData {
  /// What the data of a run depend on.
  private struct Reading: Equatable {
    let data: DataSettings
    let tokenizer: String
    let vocabulary: StudentSettings.Vocabulary?
    let targets: Targets
    let stages: [Stage]

    struct Stage: Equatable {
      let labelWeight: Double
      let learns: Bool
      let unlabelled: UnlabelledSettings
    }
  }

  private var known: [(reading: Reading, training: TrainingData, validation: TokenizedDataset?)] = []
  private let threads: Int

  /// - Parameter threads: that tokenise.
  init(threads: Int) { self.threads = threads }

  func read(
    _ configuration: RunConfiguration, _ shapes: ModelShapes
  ) throws -> (training: TrainingData, validation: TokenizedDataset?) {
    let targets = configuration.task.kind.targets(configuration.task, shapes.student.labels)
    let reading = Reading(
      data: configuration.data, tokenizer: shapes.tokenizerDirectory, vocabulary: shapes.vocabulary, targets: targets,
      stages: configuration.stages.map { stage in
        Reading.Stage(
          labelWeight: stage.labelWeight, learns: !stage.adaptors.isEmpty, unlabelled: stage.unlabelled)
      })
    if let found = known.first(where: { $0.reading == reading }) { return (found.training, found.validation) }
    var tokenizer = try Tokenizer(directory: shapes.tokenizerDirectory)
    if let vocabulary = shapes.vocabulary {
      tokenizer = try SmallerVocabulary(
        vocabulary, of: tokenizer, name: shapes.tokenizerDirectory, configuration: configuration,
        labels: shapes.student.labels, threads: threads
      ).tokenizer
    }
    let reader = SourceReader(configuration, tokenizer: tokenizer, threads: threads)
    let training = try TrainingData(configuration, labels: shapes.student.labels, reader)
    let validation = try configuration.data.validation.map {
      try reader.read($0, outputs: shapes.student.labels, areNeeded: true, areRanked: true)
    }
    known.append((reading, training, validation))
    return (training, validation)
  }
}
