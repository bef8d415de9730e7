import Testing

/// A run's configuration as a user writes it, for the models and data of `TinyWorkspace`.
struct Configuration: CustomTestStringConvertible {
  let yaml: String

  /// Its stages, in a line.
  var testDescription: String { yaml.split(separator: "stages:\n").last.map(String.init) ?? yaml }

  private static let data = """
    data:
      train: {text: train_text.txt, labels: train_labels.txt}
      validation: {text: val_text.txt, labels: val_labels.txt}
      maxLength: 16
    """

  private static let opening = """
    run: {directory: run, seed: 7}
    \(data)
    training: {batchSize: 10, epochs: 3, learningRate: 5.0e-3}
    """

  private init(student: String, stages: String) {
    yaml = "\(Self.opening)\nteacher: {model: teacher}\nstudent: \(student)\nstages:\n\(stages)\n"
  }

  private static let intermediate = """
      - name: intermediate
        adaptors: [AttnMiniLM, {ValMiniLM: {weight: 0.5}}]
        labelWeight: 0
        update: encoder
        checkpoint: {monitor: val_distillation, mode: min}
    """

  private static let prediction = """
      - name: prediction
        adaptors: [{LogitMSE: {temperature: 2}}]
        labelWeight: 0
        update: head
        checkpoint: {monitor: val_loss, mode: min}
    """

  static let finetune = Configuration(
    student: "{model: teacher}", stages: "  - name: finetune")

  static let mixStep = Configuration(
    student: "{fromTeacher: {layers: [2, 4]}}",
    stages: """
        - name: mix
          adaptors: [AttnMiniLM, ValMiniLM, {LogitMSE: {temperature: 4}}]
      """)

  static let twoStep = Configuration(
    student: "{fromTeacher: {layers: [2, 4]}}", stages: intermediate + "\n" + prediction)

  /// The two steps of `twoStep`, each alone; the second starts from the first's directory, `first`.
  static let firstStep = Configuration(
    student: "{fromTeacher: {layers: [2, 4]}}", stages: intermediate)
  static let secondStep = Configuration(student: "{model: first/best}", stages: prediction)

  /// Adaptors that read scores, values, hidden states and logits.
  static let everyLayer = Configuration(
    student: "{model: narrow}",
    stages: """
        - name: all
          adaptors: [AttnMiniLM, ValMiniLM, HidnTinyBERT, EmbdTinyBERT, LogitMSE]
      """)

  /// Sentence vectors of a narrower student, scored on pairs.
  static let vectors = Configuration(
    yaml: """
      run: {directory: run, seed: 7}
      task: {kind: embedding, pooling: max}
      data:
        train: {text: train_text.txt}
        validation: {tsv: pairs.tsv, textColumn: a, pairColumn: b, labelColumn: score}
        maxLength: 16
      training: {batchSize: 10, maxSteps: 6, learningRate: 5.0e-3, microBatches: 3}
      teacher: {model: teacher}
      student: {model: narrow, dropout: {hidden: 0.1}}
      stages:
        - name: vectors
          adaptors: [EmbeddingMSE, {EmbeddingCosine: {weight: 0.5}}, SimilarityMSE]
      """)

  private init(yaml: String) { self.yaml = yaml }

  /// Every adaptor at once, with projections to the teacher's greater width.
  static let everyAdaptor = Configuration(
    student: "{model: narrow, dropout: {hidden: 0.1, attention: 0.1}}",
    stages: """
        - name: all
          adaptors:
            [AttnMiniLM, {AttnTinyBERT: {layers: uniform}}, ValMiniLM, {HidnTinyBERT: {layers: uniform, weight: 0.1}},
             EmbdTinyBERT, {HidnPKD: {layers: uniform, perLayer: true}}, LogitMSE, LogitCE, AttnMeanMiniLM,
             {AttnSumTinyBERT: {layers: top}}, {RelationMiniLM: {heads: 9}}, {HidnCosine: {projection: tanh}},
             {Gram: {with: next, projection: linear, projectionLearningRate: 1.0e-3}}, {NST: {layers: [[0, 1], [2, 4]]}}]
      """)
}
