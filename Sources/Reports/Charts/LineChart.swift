import Training

/// Numbers over steps: an inline SVG with axes and a legend.
struct LineChart {
  struct Point {
    let x: Double
    let y: Double
  }

  struct Series {
    /// How it is drawn: one of many points as a line of means within the band from least to greatest; what jumps from
    /// point to point as a smoothed line before that, which is faint; each of few with a dot that tells its value.
    enum Style { case line, smoothed, dots }

    let name: String
    let points: [Point]
    var style = Style.line

    /// Points that can be drawn.
    init(_ name: String, _ points: [(x: Int, y: Double)], style: Style = .line) {
      self.name = name
      self.points = points.filter(\.y.isFinite).map { Point(x: Double($0.x), y: $0.y) }
      self.style = style
    }

    fileprivate init(_ name: String, smoothing series: Series) {
      self.name = name
      points = LineChart.smoothed(series.points)
    }
  }

  let title: String
  let series: [Series]
  /// The last step on the axis, which begins at 0.
  let lastStep: Int
  /// After the point; `nil` leaves it to the values.
  var digits: Int?
  var startsAtZero = false

  private static let mostPoints = 160

  var markup: Markup? {
    let shown = series.filter { !$0.points.isEmpty }
    guard !shown.isEmpty else { return nil }
    let lines = shown.map(Self.summarised)
    let area = PlotArea(
      xAxis: Axis([Double(max(1, lastStep))], count: 4, startsAtZero: true, integral: true),
      yAxis: Axis(lines.flatMap { $0.map(\.mean) }, count: 4, startsAtZero: startsAtZero))
    let legend: [Markup] = shown.enumerated().map { index, series -> Markup in
      let last = series.style == .smoothed ? Self.smoothed(series.points) : series.points
      return "<li><i class=\"c\(index % 6)\"></i>\(series.name) <b>\(text(last[last.count - 1].y))</b></li>"
    }
    let drawn: [Markup] = zip(shown, lines).enumerated().map { index, pair in
      draw(pair.0, pair.1, colour: index % 6, in: area)
    }
    return """
      <figure class="chart"><figcaption>\(title)</figcaption><ul class="legend">\(legend)</ul>
      <svg viewBox="0 0 360 200" role="img" aria-label="\(title) over steps">\(area.grid)\
      <text class="tick" x="36" y="192" text-anchor="end">step</text>\(drawn)</svg></figure>

      """
  }

  private func text(_ value: Double) -> String { digits.map { fixed(value, $0) } ?? significant(value) }

  // MARK: Parts

  private func draw(_ series: Series, _ line: [Summary], colour: Int, in area: PlotArea) -> Markup {
    func path(_ points: [Point]) -> Markup {
      points.reduce("") { path, point in "\(path)\(area.x(point.x)),\(area.y(point.y)) " }
    }
    var out: Markup = ""
    if line.contains(where: { $0.most > $0.least }) {
      let outline =
        line.map { Point(x: $0.x, y: $0.most) } + line.reversed().map { Point(x: $0.x, y: $0.least) }
      out = "<polygon class=\"band c\(colour)\" points=\"\(path(outline))\"/>"
    }
    let means = line.map { Point(x: $0.x, y: $0.mean) }
    if series.style == .smoothed, line.count > 2 {
      let smooth = Self.summarised(Series(series.name, smoothing: series)).map { Point(x: $0.x, y: $0.mean) }
      out = out + "<polyline class=\"raw c\(colour)\" points=\"\(path(means))\"/>"
      out = out + "<polyline class=\"line c\(colour)\" points=\"\(path(smooth))\"/>"
    } else {
      out = out + "<polyline class=\"line c\(colour)\" points=\"\(path(means))\"/>"
    }
    guard series.style == .dots || line.count == 1 else { return out }
    let dots: [Markup] = line.map { point in
      """
      <circle class="dot c\(colour)" cx="\(area.x(point.x))" cy="\(area.y(point.mean))" r="3"><title>\
      \(series.name), step \(fixed(point.x, 0)): \(text(point.mean))</title></circle>
      """
    }
    return out + "\(dots)"
  }

  // MARK: Many points

  /// A mean that forgets, over about a twentieth of the points: without the pull to 0 that such a mean begins with.
  static func smoothed(_ points: [Point]) -> [Point] {
    let kept = 1 - 2 / (max(1, Double(points.count) / 20) + 1)
    var (sum, weight) = (0.0, 0.0)
    return points.map { point in
      sum = kept * sum + (1 - kept) * point.y
      weight = kept * weight + (1 - kept)
      return Point(x: point.x, y: sum / weight)
    }
  }

  /// What neighbouring points have in common.
  private struct Summary {
    let x: Double
    let mean: Double
    let least: Double
    let most: Double
  }

  /// As many points as a picture can show.
  private static func summarised(_ series: Series) -> [Summary] {
    let points = series.points
    let size = max(1, (points.count + mostPoints - 1) / mostPoints)
    return stride(from: 0, to: points.count, by: size).map { start in
      let part = points[start..<min(start + size, points.count)]
      let ys = part.map(\.y)
      return Summary(
        x: part.reduce(0) { $0 + $1.x } / Double(part.count), mean: ys.reduce(0, +) / Double(ys.count),
        least: ys.min() ?? 0, most: ys.max() ?? 0)
    }
  }
}
