import Text

/// The rows that stages learn from: those of `data.train`, then those of texts without labels.
struct TrainingData: Sendable {
  /// Each different set of rows, in the order of the first stage that has it.
  let sets: [TokenizedDataset]
  /// By stage.
  private let setOfStage: [Int]
  /// Every row of every set once.
  let all: TokenizedDataset
  /// The texts without labels, and which rows of `all` they are.
  let texts: [(source: DatasetSource, rows: Range<Int>)]
  /// The rows of `all` by their sources, where predictions are to be found by them; else none.
  let hashes: [TeacherPredictions.Part]
  /// How many rows `data.train` has.
  let trainRows: Int
  /// Whether rows are the texts of pairs, side by side.
  private let areOfPairs: Bool

  /// The rows of a stage, by its position.
  subscript(stage: Int) -> TokenizedDataset { sets[setOfStage[stage]] }

  /// Reads all sources, each once.
  init(_ configuration: RunConfiguration, labels: [String], _ reader: SourceReader) throws {
    let source = configuration.data.train
    let train = try reader.read(
      source, outputs: labels, areNeeded: configuration.stages.contains { $0.labelWeight != 0 },
      areRanked: configuration.stages.contains { $0.keepsGroups || $0.adaptors.contains(where: \.kind.comparesGroups) })
    try Self.check(train, configuration)
    try Self.checkScores(train, configuration)
    var parts = [train]
    var sources: [DatasetSource] = []
    for text in configuration.stages.flatMap(\.unlabelled.sources) where !sources.contains(text) {
      let rows = try reader.read(text, outputs: nil)
      guard rows.hasPairs == train.hasPairs else {
        throw ModelError(
          "\(text.name): expected \(train.hasPairs ? "pairs of texts" : "single texts"), as \(source.name) has; "
            + "\(train.hasPairs ? "give pairColumn" : "remove pairColumn")")
      }
      sources.append(text)
      parts.append(rows)
    }
    hashes =
      configuration.hasPredictions
      ? zip([source] + sources, parts).map { TeacherPredictions.Part(name: $0.name, hashes: $1.hashes) } : []
    let choices = configuration.stages.map(\.unlabelled.sources)
    var different: [[DatasetSource]] = []
    for choice in choices where !different.contains(choice) { different.append(choice) }
    func join(_ choice: [DatasetSource]) -> TokenizedDataset {
      choice.isEmpty
        ? train : TokenizedDataset(joining: [train] + choice.map { parts[1 + (sources.firstIndex(of: $0) ?? 0)] })
    }
    sets = different.map(join)
    setOfStage = choices.map { different.firstIndex(of: $0) ?? 0 }
    all = different.firstIndex(of: sources).map { [sets] in sets[$0] } ?? TokenizedDataset(joining: parts)
    var start = train.count
    texts = zip(sources, parts.dropFirst()).map { source, part in
      defer { start += part.count }
      return (source, start..<start + part.count)
    }
    trainRows = train.count
    areOfPairs = configuration.task.kind == .embedding && source.pairColumn != nil
  }

  /// The same rows, which know their words in another tokenization of them.
  func aligned(with other: TrainingData) -> TrainingData {
    TrainingData(self, sets: zip(sets, other.sets).map { $0.aligned(with: $1) })
  }

  private init(_ data: TrainingData, sets: [TokenizedDataset]) {
    self.sets = sets
    (setOfStage, all, texts) = (data.setOfStage, data.all, data.texts)
    (hashes, trainRows, areOfPairs) = (data.hashes, data.trainRows, data.areOfPairs)
  }

  /// Where the rows of a stage are in `all`.
  func positions(of stage: StageSettings) -> [Int] {
    Array(0..<trainRows)
      + stage.unlabelled.sources.flatMap { source in Array(texts.first { $0.source == source }?.rows ?? 0..<0) }
  }

  /// Where a stage learns from labels, rows have one, or some do where some need not.
  private static func check(_ rows: TokenizedDataset, _ configuration: RunConfiguration) throws {
    let source = configuration.data.train
    if let stage = configuration.stages.first(where: { $0.labelWeight != 0 }) {
      let reason = "but stage \(stage.name) has labelWeight \(stage.labelWeight)"
      if source.missingLabels == .error, let row = rows.firstUnlabelledRow {
        throw ModelError(
          "\(source.name): row \(row + 1) has no label, \(reason); give labels or labelColumn, leave the row out, or set missingLabels: unlabelled"
        )
      }
      if rows.labelledRows == 0 {
        throw ModelError("\(source.name): none of \(rows.count) rows has a label, \(reason)")
      }
    }
    for stage in configuration.stages {
      let labelled = rows.labelledRows
      if stage.adaptors.isEmpty, let row = rows.firstUnlabelledRow {
        throw ModelError(
          "\(source.name): row \(row + 1) has no label, and stage \(stage.name) has no adaptors to learn from it with")
      }
      guard case .labelled = stage.unlabelled.mix else { continue }
      if labelled == 0 || labelled == rows.count && stage.unlabelled.sources.isEmpty {
        throw ModelError(
          "stage \(stage.name): data.mix: expected rows with and without labels, found \(labelled) of \(rows.count) "
            + "rows of \(source.name) with one; use mix: concatenate")
      }
    }
  }

  /// Where vectors are learned from scores, no cosine leaves what they may be.
  private static func checkScores(_ rows: TokenizedDataset, _ configuration: RunConfiguration) throws {
    guard configuration.task.kind == .embedding, configuration.stages.contains(where: { $0.labelWeight > 0 }) else {
      return
    }
    let largest = configuration.task.largestScore
    for row in 0..<rows.count where rows.label(row) >= 0 {
      guard let score = rows.values(row).first, abs(Double(score)) > largest else { continue }
      throw ModelError(
        "\(configuration.data.train.name): row \(row / 2 + 1): expected a score from \(-largest) to \(largest), as cosines "
          + "are compared with it, found \(score); set task.largestScore to the highest score there is")
    }
  }

  /// The order in which a stage visits its rows. Where it learns from scores, the texts of a pair are in one batch.
  func sampler(stage index: Int, _ settings: StageSettings, seed: UInt64) -> Sampler {
    let (rows, shuffle) = (self[index], settings.training.shuffle)
    let together = areOfPairs && settings.labelWeight > 0 ? 2 : 1
    if settings.keepsGroups {
      return Sampler(groups: (0..<rows.count).lazy.map(rows.group), seed: seed, shuffle: shuffle)
    }
    return switch settings.unlabelled.mix {
    case .concatenate: Sampler(count: rows.count, seed: seed, shuffle: shuffle, together: together)
    case .labelled(let share):
      Sampler(labels: rows.labels, share: share, seed: seed, shuffle: shuffle, together: together)
    }
  }

  /// The file a row of a stage is from, and which of its rows it is, from 0.
  func origin(of row: Int, stage: StageSettings, _ configuration: RunConfiguration) -> (path: String, row: Int) {
    var row = row
    let counts =
      [trainRows]
      + stage.unlabelled.sources.map { source in
        texts.first { $0.source == source }?.rows.count ?? 0
      }
    for (source, count) in zip([configuration.data.train] + stage.unlabelled.sources, counts) {
      if row < count { return (source.name, row) }
      row -= count
    }
    return (configuration.data.train.name, row)
  }

  /// Tells of texts that are validation rows too: what the teacher says of them would flatter the student there.
  func duplicates(of validation: TokenizedDataset) -> [String] {
    texts.compactMap { source, rows in
      guard let found = validation.duplicates(of: rows, in: all) else { return nil }
      return "\(source.name): \(found.count) of \(rows.count) rows are also in the validation data (the first is row "
        + "\(found.first - rows.lowerBound + 1)); the student learns the teacher's answers to them, which flatters its metrics: "
        + "remove them from either file"
    }
  }
}
