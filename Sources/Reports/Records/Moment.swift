import Glibc

/// A point in time as people write it: `2026-11-27 23:53 UTC`.
func moment(_ seconds: Double) -> String? {
  guard let whole = Int(exactly: seconds.rounded(.down)), whole > 0 else { return nil }
  var time = time_t(whole)
  var parts = tm()
  guard gmtime_r(&time, &parts) != nil else { return nil }
  func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
  return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):"
    + "\(two(parts.tm_min)) UTC"
}
