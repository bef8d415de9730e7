import Testing

@testable import Reports

@Suite struct Charts {
  @Test(arguments: [
    ([0.0, 1.0], ["0.0", "0.5", "1.0"]), ([0.2, 0.9], ["0.2", "0.4", "0.6", "0.8"]),
    ([2e-5, 5e-5], ["2e-5", "3e-5", "4e-5", "5e-5"]), ([0, 26_000], ["0", "10,000", "20,000"]),
  ])
  func ticksAreRoundNumbers(values: [Double], labels: [String]) {
    let axis = Axis(values, count: 4)
    #expect(axis.ticks.map(axis.label) == labels)
  }

  @Test(arguments: [[], [0.0], [3.5, 3.5], [-2.0], [.nan, 1.0], [1e-300, 1e300]])
  func anyValuesHaveAnAxis(values: [Double]) {
    let axis = Axis(values, count: 4)
    #expect(axis.range.lowerBound < axis.range.upperBound)
    #expect(axis.ticks.allSatisfy { axis.range.contains($0) } && axis.ticks.count < 20)
    for value in values where value.isFinite { #expect((0...1).contains(axis.place(of: value))) }
  }

  @Test func stepsAreWholeNumbers() {
    let axis = Axis([3], count: 4, startsAtZero: true, integral: true)
    #expect(axis.ticks.map(axis.label) == ["0", "1", "2", "3"])
  }

  @Test func manyPointsBecomeALineInABand() throws {
    let points = (0..<10_000).map { (x: $0, y: Double($0 % 10)) }
    let text = try #require(
      LineChart(title: "T", series: [.init("s", points)], lastStep: 9999).markup
    ).text
    #expect(text.contains("<polygon") && text.utf8.count < 20_000)
    #expect(!text.contains("nan"))
  }

  @Test func jumpingNumbersAreSmoothedOverTheFaintRawLine() throws {
    let points = (0..<100).map { (x: $0, y: $0 % 2 == 0 ? 0.0 : 1.0) }
    let series = LineChart.Series("s", points, style: .smoothed)
    let smooth = LineChart.smoothed(series.points)
    // As many points, around the middle, and the first is what it was.
    #expect(smooth.count == 100 && smooth[0].y == 0 && smooth[20...].allSatisfy { abs($0.y - 0.5) < 0.2 })
    let constant = LineChart.smoothed((0..<50).map { LineChart.Point(x: Double($0), y: 3) })
    #expect(constant.allSatisfy { abs($0.y - 3) < 1e-12 })
    let text = try #require(LineChart(title: "T", series: [series], lastStep: 99).markup).text
    #expect(text.contains("class=\"raw c0\"") && text.contains("class=\"line c0\""))
  }

  @Test func numbersThatAreNotFiniteAreLeftOut() {
    let chart = LineChart(title: "T", series: [.init("s", [(1, .nan), (2, .infinity)])], lastStep: 2)
    #expect(chart.markup == nil)
  }

  @Test(arguments: [
    (0.0, "0"), (1.8434e-5, "1.8e-5"), (0.0123456, "0.0123"), (0.5, "0.500"), (12.34, "12.3"), (26501.2, "26,501"),
    (.nan, "–"),
  ])
  func numbersHaveAboutThreeDigits(value: Double, expected: String) {
    #expect(significant(value) == expected)
  }
}

@Suite struct Statistics {
  @Test func deviationIsThatOfASample() throws {
    let statistic = try #require(Statistic([2, 4, 4, 4, 5, 5, 7, 9]))
    #expect(statistic.mean == 5)
    #expect(abs(try #require(statistic.deviation) - (32.0 / 7).squareRoot()) < 1e-12)
    #expect(try #require(Statistic([3])).deviation == nil)
    #expect(Statistic([]) == nil)
  }
}
