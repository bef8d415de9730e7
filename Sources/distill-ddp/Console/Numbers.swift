import Training

/// `5.00e-05`
func scientific(_ value: Double) -> String {
  guard value.isFinite else { return "\(value)" }
  guard value != 0 else { return "0" }
  var mantissa = abs(value)
  var exponent = 0
  while mantissa >= 9.995 {
    mantissa /= 10
    exponent += 1
  }
  while mantissa < 0.9995 {
    mantissa *= 10
    exponent -= 1
  }
  let digits = String(abs(exponent))
  return "\(value < 0 ? "-" : "")\(fixed(mantissa, 2))e\(exponent < 0 ? "-" : "+")"
    + (digits.count < 2 ? "0" : "") + digits
}

/// Columns aligned: the first to the left, the others to the right.
func table(_ rows: [[String]]) -> [String] {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
  return rows.map { row in
    row.enumerated().map { column, cell in
      let padding = String(repeating: " ", count: widths[column] - cell.count)
      return column == 0 ? cell + padding : padding + cell
    }.joined(separator: "  ")
  }
}

/// `1.4 GB`, `312 MB`
func byteText(_ bytes: Int) -> String {
  let value = Double(bytes)
  if value >= 999.5e6 { return "\(fixed(value / 1e9, 1)) GB" }
  if value >= 999.5e3 { return "\(fixed(value / 1e6, 0)) MB" }
  return "\(fixed(value / 1e3, 0)) kB"
}

/// `1 rank`, `2 ranks`
func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }
