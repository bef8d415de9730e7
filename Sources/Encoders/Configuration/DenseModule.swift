import Checkpoints
import JSON

/// The `config.json` and the weights of a Dense, as sentence-transformers keeps them in a folder.
extension SentenceVectorShape.Dense {
  /// - Parameter hidden: the width of what is pooled.
  init(configurationAt path: String, hidden: Int) throws {
    guard fileKind(path) != nil else {
      throw CheckpointError(path, "expected what a Dense is made of, found no such file; copy its folder's files there")
    }
    let json = try JSON(contentsOf: path, limits: SentenceModules.limits)
    guard json.object != nil else { throw CheckpointError(path, "expected an object, found \(json.summary)") }
    var problems: [String] = []
    func report(_ key: String, expected: String, _ remedy: String) {
      problems.append("\(key): expected \(expected), found \(json[key].map(\.shown) ?? "nothing"); \(remedy)")
    }
    if json["in_features"]?.int != hidden {
      report(
        "in_features", expected: "\(hidden), the hidden size of the encoder", "does this folder belong to the model?")
    }
    let width = json["out_features"]?.int
    let isWithinBounds = width.map { Self.widths.contains($0) } ?? false
    if !isWithinBounds {
      report("out_features", expected: "1 to \(Self.widths.upperBound)", "use a model of such vectors")
    } else if let width, let problem = Self.sizeProblem(width: width, hidden: hidden) {
      problems.append("out_features: \(problem); use a model of shorter vectors")
    }
    let hasBias = json["bias"] ?? true
    if hasBias.bool == nil { report("bias", expected: "true or false", "write one of them") }
    // A missing key is what sentence-transformers' constructor takes.
    let activation: Activation? =
      if let name = json["activation_function"] { Activation(python: name) } else { .tanh }
    if activation == nil {
      report(
        "activation_function", expected: Activation.allCases.map(\.python.quoted).joined(separator: " or "),
        "use a model with one of these")
    }
    for key in ["module_input_name", "module_output_name"] {
      guard let value = json[key], !value.isNull, value != "sentence_embedding" else { continue }
      report(key, expected: "\"sentence_embedding\"", "use a model whose Dense maps what is pooled")
    }
    if let residual = json["use_residual"], residual != false {
      report("use_residual", expected: "false", "use a model whose Dense adds no residual")
    }
    guard problems.isEmpty, let width, let activation else { throw CheckpointError(path, problems) }
    self.init(width: width, activation: activation, hasBias: hasBias.bool ?? true)
  }

  /// What is wrong with a map between widths each of which is within bounds.
  package static func sizeProblem(width: Int, hidden: Int) -> String? {
    guard width * hidden > Int(Int32.max) else { return nil }
    return "expected a matrix of at most \(Int32.max) values, found \(width) × \(hidden)"
  }

  func json(hidden: Int) -> JSON {
    [
      "in_features": .integer(hidden), "out_features": .integer(width), "bias": .bool(hasBias),
      "activation_function": .string(activation.python),
    ]
  }

  /// Refuses weights that are not this map's.
  func check(_ weights: ModelWeights, hidden: Int) throws {
    var missing = ["linear.weight": [width, hidden]]
    if hasBias { missing["linear.bias"] = [width] }
    var problems: [String] = []
    let remedy = "does config.json belong to this file?"
    for tensor in weights.tensors {
      let (name, found) = (tensor.name.escapedForDisplay, tensor.description)
      guard let expected = missing.removeValue(forKey: tensor.name) else {
        problems.append("\(name): unexpected; \(remedy)")
        continue
      }
      if found.shape != expected {
        problems.append("\(name): expected \(expected), found \(found.shape); \(remedy)")
      } else if !found.type.isFloatingPoint {
        problems.append("\(name): expected F32, F16, BF16 or F64, found \(found.type.rawValue); save it as floats")
      }
    }
    for (name, shape) in missing.sorted(by: { $0.key < $1.key }) {
      problems.append("\(name): expected \(shape), found nothing; \(remedy)")
    }
    guard problems.isEmpty else { throw CheckpointError(weights.path, problems) }
  }
}

extension SentenceVectorShape.Dense.Activation {
  /// As sentence-transformers writes it.
  var python: String {
    switch self {
    case .identity: "torch.nn.modules.linear.Identity"
    case .tanh: "torch.nn.modules.activation.Tanh"
    }
  }

  /// The class may lie elsewhere in PyTorch: `torch.nn.Tanh`.
  init?(python name: JSON) {
    guard let name = name.string, name.hasPrefix("torch.nn."), let last = name.split(separator: ".").last,
      let found = Self.allCases.first(where: { $0.python.split(separator: ".").last == last })
    else { return nil }
    self = found
  }
}

extension JSON {
  /// A value in a message; of what has parts only what it is.
  fileprivate var shown: String {
    switch self {
    case .string(let text): text.quoted
    case .integer(let number): "\(number)"
    default: summary
    }
  }
}
