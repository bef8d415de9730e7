import Encoders
import JSON

extension TaskSettings.Projection {
  /// As YAML.
  var flow: String {
    activation.map { "{width: \(width), activation: \($0.rawValue)}" } ?? "\(width)"
  }
}

extension Expected where Value == TaskSettings.Projection {
  static var projection: Expected {
    let width = Expected<Int>.integer(SentenceVectorShape.Dense.widths)
    let activation = Expected<SentenceVectorShape.Dense.Activation>.choice
    return Expected(
      description: "\(width.description), or {width: number, activation: \(activation.description)}",
      form: .either([width.form, .map(of: .any)]),
      read: { node in
        guard case .mapping(let entries) = node.content else {
          return width.read(node).map { TaskSettings.Projection(width: $0) }
        }
        guard entries.allSatisfy({ ["width", "activation"].contains($0.key) }),
          let number = node["width"].flatMap(width.read)
        else { return nil }
        var projection = TaskSettings.Projection(width: number)
        if let node = node["activation"] {
          guard let word = activation.read(node) else { return nil }
          projection.activation = word
        }
        return projection
      },
      json: { value in
        value.activation.map { .members([("width", width.json(value.width)), ("activation", activation.json($0))]) }
          ?? width.json(value.width)
      },
      remedy: { node in
        if case .mapping = node.content { return "give width as a number, and activation as \(activation.description)" }
        return width.remedy(node)
      })
  }
}
