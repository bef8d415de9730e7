import Distillation
import JSON

extension TeacherSettings {
  /// Reads `teacher`, or `teachers` in its place.
  static func readAll(_ section: ConfigurationSection) -> [TeacherSettings] {
    let one = section.sectionUnlessNull(
      "teacher", "The model learned from; needed by stages with adaptors and by `student.fromTeacher`"
    ) { TeacherSettings($0) }
    section.describe(
      "teachers", .list(of: .mapping, count: 0...Int.max), default: .value([]),
      "Several in place of `teacher`, which answer as one; only adaptors of logits can learn from them")
    guard let elements = section.elements("teachers", of: "teachers"), !elements.isEmpty else {
      return one.map { [$0] } ?? []
    }
    if one != nil { section.report("teacher and teachers are alternatives; keep one", at: "teachers") }
    return elements.map { node, path in
      section.reader.section(node, path: path, pattern: "teachers.N", under: node, reportsMissing: true) { section in
        var settings = TeacherSettings(section)
        section.read(
          "weight", .number(above: 0, atMost: 1e6), into: &settings.weight, "how much it counts in the average")
        return settings
      }
    }
  }

  private init(_ section: ConfigurationSection) {
    self.init(
      model: section.read(
        "model", .text("a Hugging Face model directory"), default: .words("required, unless `predictions` are given"),
        "a Hugging Face [model directory](#model-directories), or a [name on the hub](models.md); never updated"))
    section.read(
      "predictions", .files, into: &predictions,
      "a [file of what a teacher says](#predictions-of-a-teacher) of each row, or a list of them, in place of running it"
    )
    if model == nil, predictions.isEmpty, section.value("model") == nil, section.value("predictions") == nil {
      section.reportMissing("model", "a Hugging Face model directory")
    }
    section.read(
      "precision", .choice, into: &precision,
      "the [precision](precision.md) of the teacher's matrix products; `auto` is bfloat16 where the processor "
        + "multiplies it faster, else float32")
    if precision != .float32, !predictions.isEmpty {
      section.report("predictions take the place of the model; remove it", at: "precision")
    }
    cache = section.sectionUnlessNull(
      "cache", "keeps what the adaptors read of the teacher on disk; null computes it in every epoch"
    ) { TeacherCacheSettings($0) }
    if cache != nil, !predictions.isEmpty {
      section.report("predictions are on disk already; remove it", at: "cache")
    }
  }

  func write(to writer: inout YAMLWriter) {
    if let model { writer.write("model", model) }
    writer.write("predictions", flow: YAMLWriter.list(predictions.map(YAMLWriter.scalar)))
    if predictions.isEmpty { writer.write("precision", precision.rawValue) }
    guard let cache else { return writer.write("cache", flow: "null") }
    writer.section("cache") { writer in
      writer.write("path", cache.path)
      writer.write("maxBytes", number: cache.maxBytes)
      writer.write("precision", cache.precision.rawValue)
    }
  }
}

extension Expected where Value == [String] {
  /// A file, or a list of files.
  fileprivate static var files: Expected {
    let file = Expected<String>.text("a file")
    return Expected(
      description: "a file or a list of files", form: .either([file.form, .list(of: file.form, count: 0...Int.max)]),
      read: { node in
        guard case .sequence(let elements) = node.content else { return file.read(node).map { [$0] } }
        let files = elements.compactMap(file.read)
        return files.count == elements.count ? files : nil
      },
      json: { .array($0.map(JSON.string)) })
  }
}

extension TeacherCacheSettings {
  fileprivate init(_ section: ConfigurationSection) {
    self.init(
      path: section.require(
        "path", .text("the directory to keep the teacher's features in"),
        "a directory, which ranks, stages and runs may share") ?? "")
    section.read(
      "maxBytes", .integer(0...1 << 50), into: &maxBytes,
      "the most bytes below `path`; what does not fit is computed in every epoch")
    section.read(
      "precision", .choice, into: &precision,
      "fp16 needs half the space and changes losses by about 1e-5 of their value; fp32 is exact")
  }
}
