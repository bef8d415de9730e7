/// Where a chart's values are drawn, with its grid and its axes.
struct PlotArea {
  let xAxis: Axis
  let yAxis: Axis

  private static let (left, right, top, bottom) = (46.0, 352.0, 8.0, 176.0)

  func x(_ value: Double) -> Markup { .length(Self.left + xAxis.place(of: value) * (Self.right - Self.left)) }
  func y(_ value: Double) -> Markup { .length(Self.bottom - yAxis.place(of: value) * (Self.bottom - Self.top)) }

  var grid: Markup {
    let horizontal: [Markup] = yAxis.ticks.map { tick in
      let y = y(tick)
      return """
        <line class="grid" x1="46" x2="352" y1="\(y)" y2="\(y)"/><text class="tick" x="41" y="\(y)" dy="3.5" \
        text-anchor="end">\(yAxis.label(tick))</text>
        """
    }
    let vertical: [Markup] = xAxis.ticks.map { tick in
      let x = x(tick)
      return """
        <line class="axis" x1="\(x)" x2="\(x)" y1="176" y2="180"/><text class="tick" x="\(x)" y="192" \
        text-anchor="middle">\(xAxis.label(tick))</text>
        """
    }
    return "\(horizontal)<line class=\"axis\" x1=\"46\" x2=\"352\" y1=\"176\" y2=\"176\"/>\(vertical)"
  }
}
