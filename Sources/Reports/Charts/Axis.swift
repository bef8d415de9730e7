import Training

/// A scale with round numbers on it.
struct Axis {
  let range: ClosedRange<Double>
  let ticks: [Double]
  private let digits: Int

  /// - Parameters:
  ///   - values: what must fit; numbers that are not finite are left out.
  ///   - count: about how many ticks.
  ///   - startsAtZero: whether 0 is on the axis whatever the values.
  init(_ values: [Double], count: Int, startsAtZero: Bool = false, integral: Bool = false) {
    let finite = values.filter(\.isFinite)
    var low = min(startsAtZero ? 0 : .infinity, finite.min() ?? 0)
    var high = max(finite.max() ?? 1, low)
    if high - low < 1e-12 * max(abs(high), 1e-30) {
      // A line that does not move, in the middle.
      let room = high == 0 ? 1 : abs(high) * 0.1
      high += room
      if !startsAtZero { low -= room }
    } else if !integral {
      // Lines keep off the edges.
      let room = (high - low) * 0.05
      high += room
      if !startsAtZero { low -= low >= 0 ? min(room, low) : room }
    }
    let step = Self.roundStep((high - low) / Double(max(1, count)), integral: integral)
    let (first, last) = ((low / step).rounded(.up), (high / step).rounded(.down))
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
    range = low...high
    var (digits, rest) = (0, step)
    while digits < 9, abs(rest - rest.rounded()) > 1e-6 * max(1, rest) {
      digits += 1
      rest *= 10
    }
    self.digits = digits
  }

  /// 1, 2 or 5 times a power of ten, at least `step`.
  private static func roundStep(_ step: Double, integral: Bool) -> Double {
    var power = 1.0
    while power > step { power /= 10 }
    while power * 10 <= step { power *= 10 }
    let round = [1, 2, 5, 10].map { $0 * power }.first { $0 >= step } ?? power * 10
    return integral ? max(1, round) : round
  }

  /// Where a value lies, from 0 to 1.
  func place(of value: Double) -> Double {
    min(1, max(0, (value - range.lowerBound) / (range.upperBound - range.lowerBound)))
  }

  func label(_ tick: Double) -> String {
    if digits > 5 { return scientific(tick) }
    guard digits == 0, abs(tick) >= 1000, let whole = Int(exactly: tick) else { return fixed(tick, digits) }
    return grouped(whole)
  }
}

/// `2e-5`, or with a digit more where it takes one.
func scientific(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return "0" }
  var (mantissa, exponent) = (value, 0)
  while abs(mantissa) < 0.9999999 {
    mantissa *= 10
    exponent -= 1
  }
  while abs(mantissa) >= 9.9999999 {
    mantissa /= 10
    exponent += 1
  }
  let isWhole = abs(mantissa - mantissa.rounded()) < 1e-6
  return "\(fixed(mantissa, isWhole ? 0 : 1))e\(exponent)"
}

/// With so many digits that at least three tell something: `0.0123`, `1.23`, `1,230`.
func significant(_ value: Double) -> String {
  guard value.isFinite, value != 0 else { return value == 0 ? "0" : "–" }
  let size = abs(value)
  if size < 1e-4 || size >= 1e12 { return scientific(value) }
  if size >= 1000, let whole = Int(exactly: value.rounded()) { return grouped(whole) }
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : size >= 0.01 ? 4 : 5)
}
