import Glibc
import Images
import Training

/// Where teacher and student look.
extension ReportPage {
  var attention: Markup {
    guard !measurements.examples.isEmpty else { return "" }
    let articles: [Markup] = measurements.examples.enumerated().map { article($1, number: $0 + 1) }
    let scale: Markup =
      teacher == nil
      ? "colour is attention on a square-root scale."
      : """
      colour is attention on a square-root scale shared by both models. Overlap is the share of the student's attention, \
      averaged over heads, that falls where the teacher's does.
      """
    return """
      <h2>Attention</h2>
      <p class="lead">Rows are queries, columns are keys; \(scale)</p>
      \(articles)

      """
  }

  private func article(_ example: AttentionExample, number: Int) -> Markup {
    var facts: [Markup] = []
    if let label = example.label { facts.append("labelled <b>\(label)</b>") }
    facts += example.predictions.map { prediction -> Markup in
      "\(prediction.model): <b>\(prediction.label)</b> (\(fixed(100 * prediction.probability, 0)) %)"
    }
    let line = facts.isEmpty ? "" : facts.dropFirst().reduce(facts[0]) { "\($0) · \($1)" }
    let maps: [Markup] = example.pairs.map { pair in
      let overlap: Markup? = pair.overlap.map { ", overlap \(fixed($0, 2))" }
      let scale = Scale([pair.student.mean, pair.teacher?.mean ?? []])
      let teacher: Markup? = pair.teacher.map { figure("teacher, layer \($0.layer)", $0.mean, example.tokens, scale) }
      let student = figure(
        "\(ownName), layer \(pair.student.layer)\(overlap)", pair.student.mean, example.tokens, scale)
      return "<div class=\"pair\">\(teacher)\(student)</div>"
    }
    let heads: [Markup] = example.pairs.map { pair in
      let scale = Scale(pair.student.heads + (pair.teacher?.heads ?? []))
      let teacher: Markup? = pair.teacher.map { row("teacher", $0, width: example.tokens.count, scale) }
      return "\(teacher)\(row("\(ownName)", pair.student, width: example.tokens.count, scale))"
    }
    return """
      <article class="card sentence"><blockquote>\(example.text)</blockquote><p class="facts">\(line)</p>
      <input type="checkbox" class="fold" id="maps-\(number)"/><label for="maps-\(number)">Attention maps</label>
      <div class="maps">\(maps)</div>
      <details><summary>Head by head</summary>\(heads)</details></article>

      """
  }

  // MARK: Maps

  private static let cell = 14.0

  /// The heads' mean, with its tokens.
  private func figure(_ title: Markup, _ map: [Float], _ tokens: [String], _ scale: Scale) -> Markup {
    let side = Double(tokens.count) * Self.cell
    // What the longest token takes, within reason.
    let shown = tokens.map { $0.count > 14 ? "\($0.prefix(13))…" : $0 }
    let room = Double(min(14, shown.map(\.count).max() ?? 0)) * 6 + 6
    let labels: [Markup] = shown.enumerated().map { index, token in
      let middle = (Double(index) + 0.5) * Self.cell
      return """
        <text class="token" x="\(.length(room - 4))" y="\(.length(room + middle))" dy="3" text-anchor="end">\(token)</text>\
        <text class="token" transform="translate(\(.length(room + middle)) \(.length(room - 4))) rotate(-90)" dy="3">\
        \(token)</text>
        """
    }
    return """
      <figure><figcaption>\(title)</figcaption><svg viewBox="0 0 \(.length(room + side)) \(.length(room + side))" role="img" \
      style="max-width: \(.length(1.2 * (room + side)))px" \
      aria-label="\(title)"><image x="\(.length(room))" y="\(.length(room))" width="\(.length(side))" \
      height="\(.length(side))" preserveAspectRatio="none" href="\(scale.picture(map, width: tokens.count).dataURI)"/>\
      <rect class="map-frame" x="\(.length(room))" y="\(.length(room))" width="\(.length(side))" height="\(.length(side))"/>\
      \(labels)</svg></figure>

      """
  }

  private func row(_ model: String, _ maps: AttentionExample.Maps, width: Int, _ scale: Scale) -> Markup {
    let heads: [Markup] = maps.heads.enumerated().map { index, map in
      """
      <figure><img src="\(scale.picture(map, width: width).dataURI)" alt="\(model), layer \(maps.layer), head \(index + 1)"/>\
      <figcaption>head \(index + 1)</figcaption></figure>
      """
    }
    return "<h3>\(model), layer \(maps.layer)</h3><div class=\"heads\">\(heads)</div>\n"
  }
}

/// What the strongest colour stands for: the same for maps that are to be compared.
private struct Scale {
  private let most: Float

  init(_ maps: [[Float]]) { most = max(1e-6, maps.lazy.flatMap { $0 }.max() ?? 1) }

  func picture(_ map: [Float], width: Int) -> PNG {
    PNG(opacity: map.map { UInt8(255 * max(0, min(1, $0 / most)).squareRoot()) }, width: width, colour: (58, 118, 226))
  }
}
