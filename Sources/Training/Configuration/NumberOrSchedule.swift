import Distillation
import JSON

/// A number, or how it changes over a stage.
struct NumberOrSchedule: Equatable {
  /// Of a schedule, the larger of its ends.
  var number: Double
  var schedule: Scheduled?

  init(_ number: Double, _ schedule: Scheduled? = nil) { (self.number, self.schedule) = (number, schedule) }

  /// As YAML.
  var flow: String {
    guard let schedule else { return YAMLWriter.number(number) }
    let over =
      switch schedule.over {
      case .share(let share): YAMLWriter.number(share)
      case .steps(let count): "\(count)"
      }
    return "{from: \(YAMLWriter.number(schedule.from)), to: \(YAMLWriter.number(schedule.to)), over: \(over), "
      + "kind: \(schedule.kind.rawValue)}"
  }
}

extension Expected where Value == NumberOrSchedule {
  static func scheduled(_ number: Expected<Double>) -> Expected {
    let (steps, share) = (Expected<Int>.integer(2...1_000_000_000), Expected<Double>.number(above: 0, atMost: 1))
    let kind = Expected<Scheduled.Kind>.choice
    func span(_ node: ConfigurationNode) -> Scheduled.Span? {
      steps.read(node).map { .steps($0) } ?? share.read(node).map { .share($0) }
    }
    return Expected(
      description: "\(number.description), or {from: number, to: number, over: share or steps, kind: linear}",
      form: .either([number.form, .map(of: .any)]),
      read: { node in
        guard case .mapping(let entries) = node.content else { return number.read(node).map { NumberOrSchedule($0) } }
        guard entries.allSatisfy({ ["from", "to", "over", "kind"].contains($0.key) }), let from = node["from"],
          let to = node["to"], let first = number.read(from), let last = number.read(to)
        else { return nil }
        var schedule = Scheduled(from: first, to: last)
        if let node = node["over"] {
          guard let over = span(node) else { return nil }
          schedule.over = over
        }
        if let node = node["kind"] {
          guard let word = kind.read(node) else { return nil }
          schedule.kind = word
        }
        return NumberOrSchedule(schedule.largest, schedule)
      },
      json: { value in
        guard let schedule = value.schedule else { return number.json(value.number) }
        return .members([("from", number.json(schedule.from)), ("to", number.json(schedule.to))])
      },
      remedy: { node in
        if case .mapping = node.content {
          return
            "give from and to as numbers, over as a share up to 1 or a number of steps from 2, and kind as linear, cosine "
            + "or step"
        }
        return number.remedy(node)
      })
  }
}

/// Which parameters a stage updates: a part of the model, more and more of it, or all but the first layers.
struct UpdateOrUnfreezing: Equatable {
  var update: StageSettings.Update
  var unfreezeEvery: Int?
  var frozenLayers: Int?
}

extension Expected where Value == UpdateOrUnfreezing {
  static var update: Expected {
    let words = Expected<StageSettings.Update>.choice
    let every = Expected<Int>.integer(1...1_000_000_000)
    let layers = Expected<Int>.integer(0...1000)
    return Expected(
      description: "\(words.description), or {unfreeze: top-down, every: steps}, or {freeze: layers}",
      form: .either([words.form, .map(of: .any)]),
      read: { node in
        guard case .mapping(let entries) = node.content else {
          return words.read(node).map { UpdateOrUnfreezing(update: $0) }
        }
        if entries.count == 1, let count = node["freeze"].flatMap(layers.read) {
          return UpdateOrUnfreezing(update: .all, frozenLayers: count)
        }
        guard entries.count == 2, case .scalar("top-down", _)? = node["unfreeze"]?.content,
          let steps = node["every"].flatMap(every.read)
        else { return nil }
        return UpdateOrUnfreezing(update: .all, unfreezeEvery: steps)
      },
      json: { value in
        value.unfreezeEvery.map { .members([("unfreeze", "top-down"), ("every", every.json($0))]) }
          ?? value.frozenLayers.map { .members([("freeze", layers.json($0))]) }
          ?? words.json(value.update)
      },
      remedy: words.remedy)
  }
}
