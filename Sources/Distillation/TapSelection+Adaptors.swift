import Encoders

// What adaptors of one kind of tap ask for.
extension TapSelection {
  static func scores(_ layers: [Int]) -> TapSelection {
    var taps = TapSelection()
    taps.scores = Set(layers)
    return taps
  }

  static func values(_ layers: [Int]) -> TapSelection {
    var taps = TapSelection()
    taps.values = Set(layers)
    return taps
  }

  static func hidden(_ layers: [Int]) -> TapSelection {
    var taps = TapSelection()
    taps.hidden = Set(layers)
    return taps
  }

  static var logitsOnly: TapSelection {
    var taps = TapSelection()
    taps.logits = true
    return taps
  }
}
