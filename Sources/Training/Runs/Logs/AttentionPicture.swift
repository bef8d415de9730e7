import Images

/// A teacher's map and a student's of one sentence beside each other, as a small picture: the stronger the colour, the
/// more attention, by the square root, up to the strongest of both.
struct AttentionPicture {
  let png: PNG

  /// Pixels for a token, so that viewers which smooth what they enlarge still show squares.
  private static let cell = 4

  init(_ map: AttentionReport.Map, tokens: Int) {
    let most = Double(max(1, map.student.max() ?? 1, map.teacher.max() ?? 1))
    let width = (2 * tokens + 1) * Self.cell
    var opacity = [UInt8](repeating: 0, count: width * tokens * Self.cell)
    // One cell lies between the two.
    for (cells, left) in [(map.teacher, 0), (map.student, tokens + 1)] {
      for (index, value) in cells.enumerated() {
        let shade = UInt8(255 * (Double(max(0, value)) / most).squareRoot())
        let (row, column) = (index / tokens * Self.cell, (left + index % tokens) * Self.cell)
        for y in row..<row + Self.cell {
          for x in column..<column + Self.cell { opacity[y * width + x] = shade }
        }
      }
    }
    png = PNG(opacity: opacity, width: width, colour: (58, 118, 226))
  }
}
