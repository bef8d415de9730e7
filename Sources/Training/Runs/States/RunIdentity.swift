import Checkpoints
import Encoders
import Glibc
import JSON
import Kernels
import Text

/// All that a run's numbers follow from: the configuration's keys, and hashes of what they name. Equal identities give
/// equal runs, on the same ranks and threads.
package struct RunIdentity: Sendable, Equatable {
  struct Trait: Sendable, Equatable {
    let name: String
    let value: String
  }

  /// In the order in which they are told.
  let traits: [Trait]

  /// The running executable; another build may round differently.
  private static let program = "the program"

  /// Of products that round their factors: others round sums otherwise.
  static let instructions = "the instructions of bfloat16 products"

  /// Keys that change where things are, how often they are saved or what is shown, but no number. What paths lead to is
  /// hashed, so that a run may be continued where its data has moved.
  private static let insignificant = [
    "run.directory", "run.overwrite", "run.threads", "run.logEverySeconds", "run.resume", "run.saveStateEverySteps",
    "run.saveStateEveryMinutes", "run.keepStates", "run.keepFinalState", "run.onFailedSave", "run.maxFailedSaves",
    "run.stuckRank",
    "run.tensorboard", "run.csv", "data.train", "data.validation", "data.test", "data.cache", "data.unlabelled",
    "data.mix",
    "teacher.model",
    "teacher.predictions", "teacher.cache.path",
    "teacher.cache.maxBytes", "student.model",
    "student.tokenizer", "student.vocabulary.from",
    // Stages hold what they inherit.
    "training",
  ]

  private init(traits: [Trait]) { self.traits = traits }

  /// What all ranks of a job are told to do: a command and its options, by name.
  package init(command: String, options: [(name: String, value: String)]) throws {
    traits =
      [Trait(name: "the command", value: command)] + options.map { Trait(name: $0.name, value: $0.value) } + [
        Trait(name: Self.program, value: "\(try Self.digestOfProgram())")
      ]
  }

  /// A run as its configuration says, before anything is read, and where it begins.
  init(job configuration: RunConfiguration, resume: RunSettings.Resume) throws {
    traits =
      try RunIdentity(configuration).traits + [
        Trait(name: "run.directory", value: configuration.run.directory), Trait(name: "run.resume", value: "\(resume)"),
      ]
  }

  /// What a command that runs a model has read.
  package init(_ model: ClassifierModel, _ data: Examples, threads: Int) throws {
    var texts = SHA256Stream()
    data.forEachBuffer { texts.append($0) }
    traits =
      [
        Trait(name: "the model's weights", value: "\(model.weights.digest(threads: threads))"),
        Trait(name: "the model's classes", value: "\(model.configuration.labels)"),
        Trait(name: "the tokenizer", value: "\(Self.digest(of: try model.tokenizer()))"),
        Trait(name: "the data", value: "\(texts.digest())"),
      ] + Self.dense(of: model, "the model's Dense")
  }

  /// What weights do not tell of a model of sentence vectors with a Dense; other runs are as before there were any.
  private static func dense(of model: ClassifierModel?, _ name: String) -> [Trait] {
    guard let model, model.configuration.problem == .embedding, let dense = model.configuration.vector.dense else {
      return []
    }
    return [Trait(name: name, value: dense.activation.rawValue)]
  }

  static func digest(of tokenizer: Tokenizer) -> SHA256 {
    var stream = SHA256Stream()
    for file in tokenizer.files() {
      file.name.utf8.withContiguousStorageIfAvailable { stream.append(UnsafeRawBufferPointer($0)) }
      file.bytes.withUnsafeBytes { stream.append($0) }
    }
    return stream.digest()
  }

  /// The significant keys of a configuration alone.
  init(_ configuration: RunConfiguration) throws {
    let root = try ConfigurationNode(
      yaml: configuration.resolvedYAML(), origin: "the resolved configuration", isFile: false)
    traits = root.leaves(path: "").filter { trait in
      !Self.insignificant.contains { trait.name == $0 || trait.name.hasPrefix("\($0).") }
        && !trait.name.contains(".data.unlabelled")
        && !(trait.name.hasPrefix("teachers.")
          && [".model", ".predictions", ".path", ".maxBytes"].contains { "\(trait.name).".contains("\($0).") })
    }
  }

  /// Hashes all that was loaded, which takes about as long as reading it did.
  init(_ configuration: RunConfiguration, _ inputs: RunInputs, threads: Int) throws {
    var traits = try RunIdentity(configuration).traits
    func add(_ name: String, _ digest: SHA256?) {
      traits.append(Trait(name: name, value: digest.map { "\($0)" } ?? "none"))
    }
    traits += Self.rows(of: inputs).map { Trait(name: $0, value: Self.digest(of: $1)) }
    add("the validation data", inputs.validation?.digest())
    // Runs without are as before there were any.
    if let test = inputs.test { add("the test data", test.digest()) }
    add("the tokenizer", Self.digest(of: inputs.tokenizer))
    add("the teacher's weights", inputs.teacher?.weights.digest(threads: threads))
    for (index, teacher) in inputs.teachers.enumerated() {
      if index > 0 { add("the weights of teacher \(index + 1)", teacher.model?.weights.digest(threads: threads)) }
      guard let predictions = teacher.predictions else { continue }
      add("the predictions of teacher \(index + 1)", TeacherPredictions.digest(predictions.training))
      add("its predictions of validation rows", TeacherPredictions.digest(predictions.validation))
    }
    add("the student's initial weights", inputs.student.weights.digest(threads: threads))
    traits += Self.dense(of: inputs.teacher, "the teacher's Dense")
    traits += Self.dense(of: inputs.student, "the student's Dense")
    add(Self.program, try Self.digestOfProgram())
    if configuration.usesBFloat16 {
      traits.append(Trait(name: Self.instructions, value: Precision.bfloat16.instructions))
    }
    self.traits = traits
  }

  /// Rows that may be those of several sources, with what they are called.
  private static func rows(of inputs: RunInputs) -> [(name: String, TokenizedDataset)] {
    inputs.training.sets.enumerated().map { index, data in
      (index == 0 ? "the training data" : "the training data, set \(index + 1)", data)
    }
      + inputs.teachers.enumerated().compactMap { index, teacher in
        teacher.texts.map { ("the tokens of teacher \(index + 1)", $0.training.all) }
      }
  }

  /// Of several sources a hash of their hashes, so that rows that are mapped need not be read.
  private static func digest(of rows: TokenizedDataset) -> String {
    let sources = rows.sources
    guard sources.count != 1 else { return "\(rows.digest())" }
    return "sources \(SHA256(of: sources.flatMap { Array("\($0.digest())".utf8) }))"
  }

  /// The same with rows told as an older build told them: those of several sources by a hash of all of them.
  func told(like old: RunIdentity, _ inputs: RunInputs) -> RunIdentity {
    let olds = Dictionary(old.traits.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    let rows = Dictionary(Self.rows(of: inputs), uniquingKeysWith: { first, _ in first })
    return RunIdentity(
      traits: traits.map { trait in
        guard let data = rows[trait.name], data.sources.count > 1, let old = olds[trait.name],
          SHA256(hexadecimal: old) != nil
        else { return trait }
        return Trait(name: trait.name, value: "\(data.digest())")
      })
  }

  private static func digestOfProgram() throws -> SHA256 { try digest(ofFile: "/proc/self/exe") }

  /// Of a file's bytes, a megabyte at a time.
  static func digest(ofFile path: String) throws -> SHA256 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ModelError("\(path): cannot be read: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var stream = SHA256Stream()
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw ModelError("\(path): cannot be read: \(String(cString: strerror(errno)))") }
      guard count > 0 else { return stream.digest() }
      chunk.withUnsafeBytes { stream.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  // MARK: Comparing

  /// A trait that two identities do not share.
  struct Difference: Equatable {
    let name: String
    /// `nil` where there was no such key.
    let old: String?
    let new: String?

    /// `stages.mix.batchSize: was 10, is 12`, or `the training data`, whose hashes would tell nobody anything.
    var description: String {
      if name.hasPrefix("the ") { return name }
      return "\(name): was \(old.map(\.quotedIfNeeded) ?? "not there"), is \(new.map(\.quotedIfNeeded) ?? "not there")"
    }
  }

  /// What differs from an earlier identity.
  func differences(from old: RunIdentity) -> [Difference] {
    let olds = Dictionary(old.traits.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    let names = Set(traits.map(\.name))
    return traits.compactMap { trait in
      olds[trait.name] == trait.value ? nil : Difference(name: trait.name, old: olds[trait.name], new: trait.value)
    } + old.traits.filter { !names.contains($0.name) }.map { Difference(name: $0.name, old: $0.value, new: nil) }
  }

  /// With the keys that the program which told it did not know, as its configuration is read today: at their defaults.
  func completed(by configuration: RunConfiguration) throws -> RunIdentity {
    let names = Set(traits.map(\.name))
    return RunIdentity(traits: traits + (try RunIdentity(configuration)).traits.filter { !names.contains($0.name) })
  }

  /// What differs enough to be refused when a run is resumed, and what does not.
  func changes(since old: RunIdentity) -> (refused: [Difference], isOtherProgram: Bool, instructions: Difference?) {
    let differences = differences(from: old)
    return (
      differences.filter { $0.name != Self.program && $0.name != Self.instructions },
      differences.contains { $0.name == Self.program }, differences.first { $0.name == Self.instructions }
    )
  }

  // MARK: JSON

  var json: JSON { .members(traits.map { ($0.name, .string($0.value)) }) }

  init?(json: JSON) {
    guard let members = json.object else { return nil }
    var traits: [Trait] = []
    for (name, value) in members {
      guard let value = value.string else { return nil }
      traits.append(Trait(name: name, value: value))
    }
    self.init(traits: traits)
  }
}

extension ConfigurationNode {
  /// Every scalar with its path; a list's elements go by their `name` where they have one, else by number from 0.
  func leaves(path: String) -> [RunIdentity.Trait] {
    func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    switch content {
    case .scalar(let text, _): return [RunIdentity.Trait(name: path, value: isNull ? "null" : text)]
    case .mapping(let entries): return entries.flatMap { $0.value.leaves(path: below($0.key)) }
    case .sequence(let elements):
      if elements.isEmpty { return [RunIdentity.Trait(name: path, value: "[]")] }
      return elements.enumerated().flatMap { index, element in
        if case .scalar(let name, _) = element["name"]?.content { return element.leaves(path: below(name)) }
        return element.leaves(path: below("\(index)"))
      }
    }
  }
}

extension String {
  fileprivate var quotedIfNeeded: String {
    utf8.allSatisfy { (33...126).contains($0) } && utf8.count <= 60 ? self : quoted
  }
}
