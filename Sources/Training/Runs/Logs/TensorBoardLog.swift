import Checkpoints
import Images
import JSON
import TensorBoard

/// `tensorboard/STAGE/events.out.tfevents…`: the scalars of each stage's steps and validations, attention maps, and
/// the configuration. Stages have a directory each, so that TensorBoard draws the same numbers of several stages and runs into one chart.
final class TensorBoardLog {
  private let directory: String
  private let configuration: String
  private var file: EventFile?
  /// The parts of the loss that the stage's steps have.
  private var terms: [String] = []

  /// Starts over, with what a log holds already: files that follow from the log have no points of steps that were taken
  /// again.
  init(directory: String, configuration: String, log: MetricsLines) throws {
    self.directory = directory
    self.configuration = configuration
    try createDirectories(directory)
    for name in try entries(of: directory) { try removeTree("\(directory)/\(name)") }
    try log.read(add)
  }

  /// Adds what a line of the log says.
  func add(_ event: JSON) throws {
    guard let kind = event["event"]?.string, let time = event["time"]?.double else { return }
    let step = event["step"]?.int ?? 0
    switch kind {
    case "stage_started": try begin(event, time: time)
    case "step": try add(scalars(ofStep: event), step: step, time: time)
    case "step_skipped": try add(numbers(event, [("optimizer/skipped_steps", "skipped_steps")]), step: step, time: time)
    case "validation": try add(scalars(ofEvaluation: event, "val_", as: "validation"), step: step, time: time)
    case "test": try add(scalars(ofEvaluation: event, "test_", as: "test"), step: step, time: time)
    case "gradient_shares":
      let keys = (event.object?.keys ?? []).filter { $0.hasPrefix("gradient_share") }
      try add(numbers(event, keys.map { ($0, $0) }), step: step, time: time)
    case "attention": try addPictures(of: event, step: step, time: time)
    default: break
    }
  }

  private func begin(_ event: JSON, time: Double) throws {
    guard let stage = event["stage"]?.string else { return }
    let path = "\(directory)/\(stage)"
    try createDirectories(path)
    let file = try EventFile(in: path, time: time)
    self.file = file
    terms = ["hard"] + (event["adaptors"]?.array ?? []).compactMap { $0["name"]?.string }
    // Indented text is code to Markdown, whatever it holds.
    let lines = configuration.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
    try file.append(.text("config", markdown: lines.joined(separator: "\n"), step: 0, time: time))
  }

  private func add(_ scalars: [(tag: String, value: Double)], step: Int, time: Double) throws {
    guard !scalars.isEmpty else { return }
    try file?.append(.scalars(scalars, step: step, time: time))
  }

  /// Teacher and student side by side, a picture for each sentence and pair of layers.
  private func addPictures(of event: JSON, step: Int, time: Double) throws {
    for sentence in (event["sentences"]?.array ?? []).compactMap(AttentionReport.Sentence.init(json:)) {
      for map in sentence.maps {
        let (student, teacher) = (map.layers.student, map.layers.teacher)
        let picture = AttentionPicture(map, tokens: sentence.tokens.count).png
        try file?.append(
          .picture(
            "attention/row_\(sentence.row)/student_\(student)_teacher_\(teacher)", png: picture.bytes,
            width: picture.width, height: picture.height,
            description: """
              Left the teacher's layer \(teacher), right the student's layer \(student), averaged over heads: rows are \
              queries, columns are keys.

                  \(sentence.tokens.joined(separator: " ").escapedForDisplay)
              """, step: step, time: time))
      }
    }
  }

  private func scalars(ofStep event: JSON) -> [(tag: String, value: Double)] {
    var scalars = numbers(
      event,
      [("loss/total", "loss")] + terms.map { ("loss/\($0)", $0) } + [
        ("optimizer/learning_rate", "learning_rate"), ("optimizer/gradient_norm", "gradient_norm"),
      ])
    if let seconds = event["seconds"]?.double, seconds > 0 {
      scalars += numbers(
        event, [("throughput/sentences_per_second", "sentences"), ("throughput/tokens_per_second", "tokens")]
      ).map { ($0.tag, $0.value / seconds) }
    }
    return scalars
  }

  /// `validation/accuracy` for `val_accuracy`.
  private func scalars(
    ofEvaluation event: JSON, _ prefix: String, as group: String
  ) -> [(tag: String, value: Double)] {
    let keys = (event.object?.keys ?? []).filter { $0.hasPrefix(prefix) }
    return numbers(event, keys.map { ("\(group)/\($0.dropFirst(prefix.count))", $0) })
  }

  private func numbers(_ event: JSON, _ names: [(tag: String, key: String)]) -> [(tag: String, value: Double)] {
    names.compactMap { name in event[name.key]?.double.map { (name.tag, $0) } }
  }
}
