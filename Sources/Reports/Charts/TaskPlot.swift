import Training

/// A task's charts of several models in one: an inline SVG with axes and a legend.
struct TaskPlot {
  /// By the models' names, all of one title.
  let charts: [(name: String, chart: TaskChart)]

  var markup: Markup? {
    let shown = charts.filter { !$0.chart.points.isEmpty }
    guard let first = shown.first?.chart else { return nil }
    let points = shown.flatMap(\.chart.points)
    let area = area(first, points)
    let legend: [Markup] = shown.enumerated().map { index, entry in
      "<li><i class=\"c\(index % 6)\"></i>\(entry.name)</li>"
    }
    let drawn: [Markup] = shown.enumerated().map { index, entry in draw(entry.chart, colour: index % 6, in: area) }
    return """
      <figure class="chart"><figcaption>\(first.title)</figcaption><ul class="legend">\(legend)</ul>
      <svg viewBox="0 0 360 216" role="img" aria-label="\(first.title): \(first.yTitle) by \(first.xTitle)">\
      \(grid(first, area))\(drawn)</svg></figure>

      """
  }

  /// Shares from 0 to 1 have the same axes in every chart; so have both sides of a diagonal.
  private func area(_ chart: TaskChart, _ points: [(x: Double, y: Double)]) -> PlotArea {
    switch chart.form {
    case .line:
      let isShare = points.allSatisfy { 0...1 ~= $0.x }
      return PlotArea(
        xAxis: Axis(isShare ? [1] : points.map(\.x), count: 4, startsAtZero: true, integral: !isShare),
        yAxis: Axis([1], count: 4, startsAtZero: true))
    case .dots(hasDiagonal: true):
      let axis = Axis(points.flatMap { [$0.x, $0.y] }, count: 4)
      return PlotArea(xAxis: axis, yAxis: axis)
    case .dots:
      return PlotArea(xAxis: Axis(points.map(\.x), count: 4), yAxis: Axis(points.map(\.y), count: 4))
    }
  }

  private func grid(_ chart: TaskChart, _ area: PlotArea) -> Markup {
    var diagonal: Markup?
    if case .dots(hasDiagonal: true) = chart.form {
      diagonal = "<line class=\"axis\" x1=\"46\" x2=\"352\" y1=\"176\" y2=\"8\" stroke-dasharray=\"3 3\"/>"
    }
    return """
      \(area.grid)\(diagonal)\
      <text class="tick" x="352" y="210" text-anchor="end">\(chart.xTitle)</text>\
      <text class="tick" x="50" y="6" dy="9">\(chart.yTitle)</text>
      """
  }

  private func draw(_ chart: TaskChart, colour: Int, in area: PlotArea) -> Markup {
    switch chart.form {
    case .line:
      let path: Markup = chart.points.reduce("") { "\($0)\(area.x($1.x)),\(area.y($1.y)) " }
      let line: Markup = "<polyline class=\"line c\(colour)\" points=\"\(path)\"/>"
      guard chart.points.count == 1, let only = chart.points.first else { return line }
      return line
        + "<circle class=\"dot c\(colour)\" cx=\"\(area.x(only.x))\" cy=\"\(area.y(only.y))\" r=\"3\"/>"
    case .dots:
      let dots: [Markup] = chart.points.map { point in
        "<circle cx=\"\(area.x(point.x))\" cy=\"\(area.y(point.y))\" r=\"2\"/>"
      }
      return "<g class=\"row c\(colour)\">\(dots)</g>"
    }
  }
}
