import Testing

@testable import Reports

@Suite struct Escaping {
  @Test(arguments: [
    ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    (#"" onload='x' &amp;"#, "&quot; onload=&#39;x&#39; &amp;amp;"),
    ("a\u{0}b\u{1b}[31m\u{7f}\u{85}", "a\\u{0}b\\u{1b}[31m\\u{7f}\\u{85}"),
    ("\u{202e}txt\u{2066}\u{2028}\u{feff}", "\\u{202e}txt\\u{2066}\\u{2028}\\u{feff}"),
    ("\u{ffff}\r", "\\u{ffff}\\u{d}"),
    ("two\nlines\täß 漢 👩‍👧 می‌خواهم", "two\nlines\täß 漢 👩‍👧 می‌خواهم"),
  ])
  func textCannotBecomeMarkup(text: String, expected: String) {
    #expect(("<p>\(text)</p>" as Markup).text == "<p>\(expected)</p>")
  }

  @Test func markupStaysMarkup() {
    let inner: Markup = "<b>\("<")</b>"
    let none: Markup? = nil
    #expect(("\([inner, inner])\(inner)\(none)\(3)" as Markup).text == "<b>&lt;</b><b>&lt;</b><b>&lt;</b>3")
  }

  @Test(arguments: [(12.04, "12"), (12.06, "12.1"), (-0.04, "0"), (-0.06, "-0.1"), (.nan, "0"), (.infinity, "0")])
  func lengthsAreShort(value: Double, expected: String) {
    #expect(Markup.length(value).text == expected)
  }
}
