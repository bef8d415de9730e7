import ArgumentParser
import Collectives
import Hub
import JSON
import Text
import Training

/// `distill-ddp serve`: a model in memory that answers another program.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Keep a model in memory and answer requests on standard input.",
    discussion: """
      What other programs start to use a model many times: the Python package does. Each line of standard input is a \
      request, and each is answered by a line on standard output. First comes a line that describes the model.

        {"id": 1, "predict": ["a text", "another"]}
        {"id": 2, "predict": ["a text"], "pairs": ["its second text"]}
        {"id": 3, "features": ["a text"], "output": "F.safetensors"}

      An answer has the request's id, and predictions as predict writes them, or the features' file, or an error. The end \
      of the input ends the program.

        distill-ddp serve --stdio --model runs/mix/best
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @Flag(help: "Take requests from standard input; there is no other way yet, and it must be said.")
  var stdio = false

  @OptionGroup var limits: InferenceOptions

  func validate() throws {
    guard stdio else { throw ValidationError("--stdio: expected, as requests come in no other way; add it") }
  }

  func run() throws {
    try onFirstRank(threads: limits.threads) { pool in
      var server = try ModelServer(model, limits, Places(pool: pool, ranks: SingleProcess()))
      writeAll(server.greeting.text() + "\n", to: 1)
      var input = RequestLines()
      while let line = try input.next() { writeAll(server.answer(to: line) + "\n", to: 1) }
    }
  }
}

/// Answers requests, one after the other.
private struct ModelServer {
  let model: String
  let limits: InferenceOptions
  let places: Places
  let classifier: ClassifierModel
  let tokenizer: Tokenizer
  let rows: PredictionRows
  /// Only where predictions are asked for, as it takes memory.
  private lazy var predictor = Predictor(classifier, places: places, precision: limits.precision)

  init(_ model: String, _ limits: InferenceOptions, _ places: Places) throws {
    self.model = model
    self.limits = limits
    self.places = places
    let directory = try Hub.ofEnvironment().locate(model, effort: .download).path
    classifier = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
    tokenizer = try classifier.tokenizer()
    rows = PredictionRows(
      to: "-", task: try limits.task(of: classifier), labels: classifier.outputNames, kept: [])
    try classifier.checkLength(limits.maxLength ?? classifier.configuration.maxLength, key: "--max-length")
  }

  var greeting: JSON {
    [
      "version": .string(programVersion), "labels": .array(classifier.configuration.labels.map(JSON.string)),
      "has_head": .bool(classifier.hasTrainedHead), "parameters": .integer(classifier.parameterCount),
      "max_length": .integer(limits.maxLength ?? classifier.configuration.maxLength),
      "notices": .array(((classifier.hasTrainedHead ? classifier.notices : []) + limits.notices).map(JSON.string)),
    ]
  }

  mutating func answer(to line: [UInt8]) -> String {
    var id = JSON.null
    do {
      let request = try JSON.parse(line)
      id = request["id"] ?? .null
      if let texts = request["predict"] {
        let examples = try self.examples(texts, request["pairs"], of: "predict")
        return "{\"id\":\(id.text()),\"predictions\":[\(try predictions(examples))]}"
      }
      if let texts = request["features"] {
        let output = try features(try examples(texts, request["pairs"], of: "features"), to: request["output"])
        return (["id": id, "features": .string(output)] as JSON).text()
      }
      throw CommandError("request: expected \"predict\" or \"features\", found neither; see distill-ddp help serve")
    } catch {
      return (["id": id, "error": .string("\(error)")] as JSON).text()
    }
  }

  private func examples(_ texts: JSON, _ pairs: JSON?, of name: String) throws(CommandError) -> Examples {
    func strings(_ value: JSON, _ name: String) throws(CommandError) -> [String] {
      let strings = value.array?.compactMap(\.string)
      guard let strings, strings.count == value.array?.count else {
        throw CommandError("request: \(name): expected a list of texts; give strings and nothing else")
      }
      return strings
    }
    let texts = try strings(texts, name)
    let pairs = try pairs.flatMap { $0.isNull ? nil : $0 }.map { value throws(CommandError) in
      try strings(value, "pairs")
    }
    if let pairs, pairs.count != texts.count {
      throw CommandError("request: pairs: expected \(texts.count) texts, found \(pairs.count); give one for each")
    }
    guard classifier.task.kind == .tokens else { return Examples(texts: texts, pairs: pairs) }
    guard pairs == nil else { throw CommandError("request: pairs: a tagger reads single texts; leave them out") }
    return Examples(texts: texts, pairs: nil, for: .tags(classifier.configuration.labels))
  }

  /// As `predict` writes them, with commas between.
  private mutating func predictions(_ examples: Examples) throws -> String {
    try PredictCommand.requireHead(of: classifier, model: model)
    try PredictCommand.require(examples, areFor: classifier, "request", remedy: "give the second texts in pairs")
    guard examples.count > 0 else { return "" }
    let dataset = try limits.tokenize(examples, by: tokenizer, for: classifier, threads: places.pool.workers)
    guard let predictions = try predictor.predict(dataset) else { return "" }
    let lines = try rows.bytes(predictions.logits, of: dataset, from: 0, in: examples, model: model).split(
      separator: UInt8(ascii: "\n"))
    return String(decoding: Array(lines.joined(separator: [UInt8(ascii: ",")])), as: UTF8.self)
  }

  private func features(_ examples: Examples, to output: JSON?) throws -> String {
    guard let path = output?.string, !path.isEmpty else {
      throw CommandError("request: output: expected the file to write, found none; name one")
    }
    let claim = try ResultDestination(path).claim(allowsStreams: false)
    defer { withExtendedLifetime(claim) {} }
    _ = try classifier.writeFeatures(
      rows: examples.count,
      tokenize: { rows in
        try limits.tokenize(examples, rows: rows, by: tokenizer, for: classifier, threads: places.pool.workers)
      }, to: ResultDestination.resolvingLinks(path), allowsSeveral: false, pool: places.pool,
      precision: limits.precision)
    return path
  }
}
