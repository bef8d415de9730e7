import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

/// Every adaptor on every family, projections included, against PyTorch in double precision: what
/// `Tests/Goldens/make_family_gradients.py` wrote.
struct FamilyGradientTests {
  private static let golden = try? GoldenFixtures.json("../families/gradients.json")
  static let cases: [Int] = Array(((try? golden?["cases"].elements) ?? []).indices)

  @Test("the golden cases are there")
  func casesExist() { #expect(Self.cases.count >= 126) }

  @Test("losses and gradients agree with PyTorch", arguments: cases)
  func agreesWithPyTorch(index: Int) throws {
    let golden = try #require(Self.golden)
    var json = try golden["cases"].elements[index]
    let adaptor = try #require(json["adaptor"])
    let name = "\(json["student"]?.string ?? "") \(adaptor["kind"]?.string ?? "")"
    let (wanted, gradient) = (try #require(json["loss"]?.double), try #require(json["gradient"]?.object))
    json = ["student": json["student"] ?? .null, "teacher": golden["teacher"] ?? .null, "adaptors": [adaptor]]
    let result = try GoldenGradients(
      case: json, batch: GoldenFixtures.batch(#require(golden["batch"])),
      projections: { weights in
        for entry in weights.layout.entries where entry.role == .projection {
          let values = Self.numbers(entry.slot.count, seed: 3).map { Float(0.4 * $0) }
          _ = weights[entry.slot].values.update(fromContentsOf: values)
        }
      })
    #expect(abs(result.terms[0] - wanted) <= 1e-5 * wanted, "\(name): found \(result.terms[0]), expected \(wanted)")

    var sketches: [String: [Double]] = [:]
    for (key, sketch) in gradient { sketches[key] = try sketch.elements.compactMap(\.double) }
    let total = sketches.values.reduce(0) { $0 + $1[0] * $1[0] }.squareRoot()
    for entry in result.gradient.layout.entries {
      let found = result.gradient[entry.slot].values.map(Double.init)
      let own = Self.sketch(found)
      // Gradients that are 0 in exact arithmetic, as the key bias's, are judged by the whole gradient's norm.
      let sketch = sketches.removeValue(forKey: entry.key) ?? [0, 0, 0]
      let most = 1e-4 * sketch[0] + 1e-6 * total
      for (place, (a, b)) in zip(own, sketch).enumerated() {
        // A product with numbers of deviation 1/√3 is off by as much of the vector's length as it is long.
        let length = place == 0 ? 1 : (Double(found.count) / 3).squareRoot()
        #expect(abs(a - b) <= most * length, "\(name) \(entry.key): found \(own), expected \(sketch)")
      }
    }
    // What transformers' model has besides: a position's or segment's row that no text has.
    #expect(sketches.isEmpty, "\(name): \(sketches.keys.sorted())")
  }

  private static func sketch(_ values: [Double]) -> [Double] {
    let products = [1, 2].map { seed in zip(values, numbers(values.count, seed: seed)).reduce(0) { $0 + $1.0 * $1.1 } }
    return [values.reduce(0) { $0 + $1 * $1 }.squareRoot()] + products
  }

  /// From −1 to 1, by their place (Knuth's multiplicative hash), as the script has them.
  private static func numbers(_ count: Int, seed: Int) -> [Double] {
    (1...count).map { Double(UInt32(truncatingIfNeeded: ($0 + 1000 * seed) * 2_654_435_761)) / Double(1 << 31) - 1 }
  }
}
