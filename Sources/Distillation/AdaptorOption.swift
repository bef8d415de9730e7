/// One key of an adaptor's settings: what the reader of configurations, their writer, the schema and the tables of the
/// documentation go by.
package struct AdaptorOption: Sendable {
  /// What its value may be.
  package enum Form: Sendable, Equatable {
    case number(above: Double, atMost: Double)
    /// A number as above, or none.
    case optionalNumber(above: Double, atMost: Double)
    case integer(ClosedRange<Int>)
    case flag
    case word([String])
    /// Some of these, each once.
    case words([String])
    /// Which layers are compared; the lowest number is 1, or 0 for hidden states.
    case layers(from: Int)
  }

  package let key: String
  package let form: Form
  package let standard: AdaptorOptionValue
  /// In Markdown, without a full stop.
  package let meaning: String

  package init(_ key: String, _ form: Form, default standard: AdaptorOptionValue, _ meaning: String) {
    self.key = key
    self.form = form
    self.standard = standard
    self.meaning = meaning
  }
}

package enum AdaptorOptionValue: Sendable, Equatable {
  case none
  case number(Double)
  case integer(Int)
  case flag(Bool)
  case word(String)
  case words([String])
  case layers(LayerMapSettings)
}

// What several adaptors have.
extension AdaptorOption {
  static func layers(from lowest: Int, default standard: LayerMapSettings = .last) -> AdaptorOption {
    AdaptorOption(
      "layers", .layers(from: lowest), default: .layers(standard),
      "which student layer learns from which teacher layer")
  }

  /// Of all kinds that compare token by token.
  static let align = AdaptorOption(
    "align", .word(["tokens", "words"]), default: .word("tokens"),
    "what is compared where the models have other tokens: `words` that they have in common, or tokens, which must be the same"
  )

  static func on(_ quantities: [String], default standard: String) -> AdaptorOption {
    AdaptorOption("on", .word(quantities), default: .word(standard), "what is compared")
  }
}

/// One entry of a stage's `adaptors` list: which loss, how much it counts, and what else its kind lets one choose.
package struct AdaptorSettings: Sendable, Equatable {
  package let kind: AdaptorKind
  /// Where it has a schedule, the larger of its ends.
  package var weight: Double = 1
  package var weightSchedule: Scheduled?
  /// Of a kind that has a temperature, which is then the larger of its ends.
  package var temperatureSchedule: Scheduled?
  /// By key, where they are not what they are by default.
  private var values: [String: AdaptorOptionValue] = [:]

  package init(kind: AdaptorKind) { self.kind = kind }

  /// By the name that configurations use.
  package init?(named name: String) {
    guard let kind = AdaptorKind.named(name) else { return nil }
    self.init(kind: kind)
  }

  package subscript(option: AdaptorOption) -> AdaptorOptionValue {
    get { values[option.key] ?? option.standard }
    set { values[option.key] = newValue == option.standard ? nil : newValue }
  }

  /// By the key of an option that the kind has.
  package subscript(key: String) -> AdaptorOptionValue {
    get { self[option(key)] }
    set { self[option(key)] = newValue }
  }

  private func option(_ key: String) -> AdaptorOption {
    guard let option = kind.options.first(where: { $0.key == key }) else {
      preconditionFailure("\(kind.name) has no option \(key)")
    }
    return option
  }

  // The kind that declares an option also says what its value is.

  func number(_ option: AdaptorOption) -> Double {
    guard case .number(let number) = self[option] else { preconditionFailure("\(option.key) is a number") }
    return number
  }

  func optionalNumber(_ option: AdaptorOption) -> Double? {
    if case .number(let number) = self[option] { number } else { nil }
  }

  func integer(_ option: AdaptorOption) -> Int {
    guard case .integer(let integer) = self[option] else { preconditionFailure("\(option.key) is an integer") }
    return integer
  }

  func flag(_ option: AdaptorOption) -> Bool {
    guard case .flag(let flag) = self[option] else { preconditionFailure("\(option.key) is true or false") }
    return flag
  }

  func word<Word: RawRepresentable>(_ option: AdaptorOption, as type: Word.Type = Word.self) -> Word
  where Word.RawValue == String {
    guard case .word(let text) = self[option], let word = Word(rawValue: text) else {
      preconditionFailure("\(option.key) is one of its words")
    }
    return word
  }

  func words(_ option: AdaptorOption) -> [String] {
    guard case .words(let words) = self[option] else { preconditionFailure("\(option.key) is a list of words") }
    return words
  }

  func layers(_ option: AdaptorOption) -> LayerMapSettings {
    guard case .layers(let layers) = self[option] else { preconditionFailure("\(option.key) is a layer map") }
    return layers
  }
}

extension AdaptorSettings {
  /// Whether models are compared by words, which those with other tokens have in common.
  package var comparesWords: Bool { !kind.trainsHead && self[.align] == .word("words") }

  /// What is compared where no layers are paired: `logits at temperature 4`.
  package var compared: String { kind.compared(self) }
}
