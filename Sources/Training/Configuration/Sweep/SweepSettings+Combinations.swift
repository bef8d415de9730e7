extension SweepSettings {
  /// One run: what is set, and what it is called.
  struct Combination {
    let name: String
    let settings: [Setting]
  }

  /// How many runs there are; many, where there are too many to count.
  var count: Int {
    ([variants.count, seeds.count] + grid.map(\.values.count)).filter { $0 > 0 }.reduce(1) { product, factor in
      let (result, overflows) = product.multipliedReportingOverflow(by: factor)
      return overflows ? .max : result
    }
  }

  /// Every variant with every value of the grid and every seed.
  var combinations: [Combination] {
    var combinations = [[(part: String, settings: [Setting])]()]
    func multiply(by choices: [(part: String, settings: [Setting])]) {
      guard !choices.isEmpty else { return }
      combinations = combinations.flatMap { combination in choices.map { combination + [$0] } }
    }
    multiply(by: variants.map { ($0.name, $0.settings) })
    for axis in grid {
      let key = shortName(of: axis.path)
      multiply(
        by: zip(axis.values, Self.names(of: axis.values)).map { value, name in
          ("\(key)=\(name)", [Setting(path: axis.path, value: value)])
        })
    }
    multiply(by: seeds.map { ("seed=\($0.words)", [Setting(path: "run.seed", value: $0)]) })
    return combinations.map { parts in
      Combination(name: parts.map(\.part).joined(separator: "_"), settings: parts.flatMap(\.settings))
    }
  }

  /// The last of a path's keys, or as many of them as tell it from the grid's others.
  private func shortName(of path: String) -> String {
    let keys = path.split(separator: ".")
    let others = grid.map(\.path).filter { $0 != path }
    for count in 1...max(1, keys.count) {
      let name = keys.suffix(count).joined(separator: ".")
      if !others.contains(where: { $0 == name || $0.hasSuffix(".\(name)") }) { return Self.safe(name) }
    }
    return Self.safe(path)
  }

  private static let longestName = 32

  /// Values as parts of a directory's name; where they are long, or look alike there, by their number from 1.
  private static func names(of values: [ConfigurationNode]) -> [String] {
    let names = values.map { safe($0.words) }
    let areGood = Set(names).count == names.count && names.allSatisfy { (1...longestName).contains($0.utf8.count) }
    return areGood ? names : values.indices.map { "\($0 + 1)" }
  }

  /// Without what a shell or a file system might take for something else.
  private static func safe(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        if !result.hasSuffix("-") { result += "-" }
      }
    }
    return result
  }
}
