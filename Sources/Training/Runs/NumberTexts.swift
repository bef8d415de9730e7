/// `3.142`: rounded to so many digits after the point.
package func fixed(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  guard let scaled = Int(exactly: (abs(value) * scale).rounded()) else { return "\(value)" }
  let text = String(scaled)
  let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
  let sign = value < 0 && scaled != 0 ? "-" : ""
  guard digits > 0 else { return sign + padded }
  return "\(sign)\(padded.dropLast(digits)).\(padded.suffix(digits))"
}

/// `12,000`
package func grouped(_ value: Int) -> String {
  var text = String(value.magnitude)
  var groups: [String] = []
  while text.count > 3 {
    groups.insert(String(text.suffix(3)), at: 0)
    text.removeLast(3)
  }
  return (value < 0 ? "-" : "") + ([text] + groups).joined(separator: ",")
}

/// `1:02:03` or `2:03`
package func clockTime(_ seconds: Double) -> String {
  guard let total = Int(exactly: max(0, seconds).rounded()) else { return "?" }
  func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
  let (hours, minutes) = (total / 3600, total / 60 % 60)
  return hours > 0 ? "\(hours):\(two(minutes)):\(two(total % 60))" : "\(minutes):\(two(total % 60))"
}
