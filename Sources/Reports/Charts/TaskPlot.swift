import Training

/// A task's charts of several models in one: an inline SVG with axes and a legend.
struct TaskPlot {
  /// By the models' names, all of one title.
  let charts: [(name: String, chart: TaskChart)]

  private static let (left, right, top, bottom) = (46.0, 352.0, 8.0, 176.0)

  var markup: Markup? {
    let shown = charts.filter { !$0.chart.points.isEmpty }
    guard let first = shown.first?.chart else { return nil }
    let points = shown.flatMap(\.chart.points)
    let (xAxis, yAxis) = axes(first, points)
    let legend: [Markup] = shown.enumerated().map { index, entry in
      "<li><i class=\"c\(index % 6)\"></i>\(entry.name)</li>"
    }
    let drawn: [Markup] = shown.enumerated().map { index, entry in draw(entry.chart, colour: index % 6, xAxis, yAxis) }
    return """
      <figure class="chart"><figcaption>\(first.title)</figcaption><ul class="legend">\(legend)</ul>
      <svg viewBox="0 0 360 216" role="img" aria-label="\(first.title): \(first.yTitle) by \(first.xTitle)">\
      \(grid(first, xAxis, yAxis))\(drawn)</svg></figure>

      """
  }

  /// Shares from 0 to 1 have the same axes in every chart; so have both sides of a diagonal.
  private func axes(_ chart: TaskChart, _ points: [(x: Double, y: Double)]) -> (Axis, Axis) {
    switch chart.form {
    case .line:
      let isShare = points.allSatisfy { 0...1 ~= $0.x }
      return (
        Axis(isShare ? [1] : points.map(\.x), count: 4, startsAtZero: true, integral: !isShare),
        Axis([1], count: 4, startsAtZero: true)
      )
    case .dots(hasDiagonal: true):
      let axis = Axis(points.flatMap { [$0.x, $0.y] }, count: 4)
      return (axis, axis)
    case .dots: return (Axis(points.map(\.x), count: 4), Axis(points.map(\.y), count: 4))
    }
  }

  private func grid(_ chart: TaskChart, _ xAxis: Axis, _ yAxis: Axis) -> Markup {
    let horizontal: [Markup] = yAxis.ticks.map { tick in
      let y = Self.y(tick, yAxis)
      return """
        <line class="grid" x1="46" x2="352" y1="\(y)" y2="\(y)"/><text class="tick" x="41" y="\(y)" dy="3.5" \
        text-anchor="end">\(yAxis.label(tick))</text>
        """
    }
    let vertical: [Markup] = xAxis.ticks.map { tick in
      let x = Self.x(tick, xAxis)
      return """
        <line class="axis" x1="\(x)" x2="\(x)" y1="176" y2="180"/><text class="tick" x="\(x)" y="192" \
        text-anchor="middle">\(xAxis.label(tick))</text>
        """
    }
    var diagonal: Markup?
    if case .dots(hasDiagonal: true) = chart.form {
      diagonal = "<line class=\"axis\" x1=\"46\" x2=\"352\" y1=\"176\" y2=\"8\" stroke-dasharray=\"3 3\"/>"
    }
    return """
      \(horizontal)<line class="axis" x1="46" x2="352" y1="176" y2="176"/>\(vertical)\(diagonal)\
      <text class="tick" x="352" y="210" text-anchor="end">\(chart.xTitle)</text>\
      <text class="tick" x="50" y="6" dy="9">\(chart.yTitle)</text>
      """
  }

  private func draw(_ chart: TaskChart, colour: Int, _ xAxis: Axis, _ yAxis: Axis) -> Markup {
    switch chart.form {
    case .line:
      let path: Markup = chart.points.reduce("") { "\($0)\(Self.x($1.x, xAxis)),\(Self.y($1.y, yAxis)) " }
      let line: Markup = "<polyline class=\"line c\(colour)\" points=\"\(path)\"/>"
      guard chart.points.count == 1, let only = chart.points.first else { return line }
      return line
        + "<circle class=\"dot c\(colour)\" cx=\"\(Self.x(only.x, xAxis))\" cy=\"\(Self.y(only.y, yAxis))\" r=\"3\"/>"
    case .dots:
      let dots: [Markup] = chart.points.map { point in
        "<circle cx=\"\(Self.x(point.x, xAxis))\" cy=\"\(Self.y(point.y, yAxis))\" r=\"2\"/>"
      }
      return "<g class=\"row c\(colour)\">\(dots)</g>"
    }
  }

  private static func x(_ value: Double, _ axis: Axis) -> Markup {
    .length(left + axis.place(of: value) * (right - left))
  }

  private static func y(_ value: Double, _ axis: Axis) -> Markup {
    .length(bottom - axis.place(of: value) * (bottom - top))
  }
}
