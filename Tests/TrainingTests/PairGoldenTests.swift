import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Losses of pairs against PyTorch, and ranking against scikit-learn: `Tests/Goldens/make_pair_goldens.py`.
struct PairGoldenTests {
  static func cases(_ name: String) throws -> [JSON] {
    let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")
    return try JSON(contentsOf: "/\(root)/pairs/\(name).json").elements
  }

  @Test func losses() throws {
    for item in try Self.cases("losses") {
      let arena = Arena()
      let logits = try TaskGoldenTests.matrix(item["logits"], arena)
      let taps = Taps([.logits: .matrix(logits)])
      var batch = Batch()
      batch.values = try (item["targets"]?.array ?? []).flatMap { try TaskGoldenTests.numbers($0) }.map { Float($0) }
      batch.labels = try TaskGoldenTests.numbers(item["labels"]).map { Int32($0) }
      let count = try #require(item["count"]?.double)
      var task = TaskSettings(.pairs)
      task.loss = try #require(item["loss"]?.string.flatMap(PairLoss.init))
      task.positiveWeights = try TaskGoldenTests.numbers(item["weights"])
      let hardLoss = try #require(task.kind.hardLoss)
      let d = TapGradients(taps, batch: batch, arena: arena)
      let pair = TapPair(
        batch: batch, teacher: Taps(), student: taps, dStudent: d, weights: ParameterBuffer(ParameterLayout()),
        gradient: nil, arena: arena)
      let sum = hardLoss(task, HardLossTerms(pair: pair, scale: 1 / count))
      let wanted = try #require(item["sum"]?.double)
      #expect(abs(sum - wanted) <= 1e-9 * wanted)
      try TaskGoldenTests.expectClose(d.matrix(.logits), item["gradient"])
    }
  }

  @Test func rankingMetrics() throws {
    for item in try Self.cases("ranking_metrics") {
      let name = item["name"]?.string ?? ""
      let groups = try TaskGoldenTests.numbers(item["groups"]).map { Int32($0) }
      let labels = try TaskGoldenTests.numbers(item["labels"]).map { Float($0) }
      let scores = try TaskGoldenTests.numbers(item["scores"]).map { Float($0) }
      let cutoff = try #require(item["cutoff"]?.int)
      let metrics = RankingMetrics(groups: groups, labels: labels, scores: scores, cutoff: cutoff)
      #expect(metrics.groups == item["all"]?.int && metrics.ranked == item["ranked"]?.int, "\(name)")
      // Rows of a group need not stand together, nor in any order.
      let order = groups.indices.sorted { (scores[$0], labels[$0]) < (scores[$1], labels[$1]) }
      let other = RankingMetrics(
        groups: order.map { groups[$0] }, labels: order.map { labels[$0] }, scores: order.map { scores[$0] },
        cutoff: cutoff)
      for (key, metric) in [
        ("mrr", \RankingMetrics.meanReciprocalRank), ("ndcg", \.meanGain), ("map", \.meanAveragePrecision),
      ] {
        let wanted = try #require(item[key]?.double)
        for value in [metrics[keyPath: metric], other[keyPath: metric]] {
          #expect(abs(value - wanted) <= 1e-12, "\(name): \(key) \(value), not \(wanted)")
        }
      }
    }
  }

  @Test("of texts of equal score those that are not relevant come first")
  func recalls() {
    // Two queries that count, one without a relevant text, and one of a single text.
    let recalls = RankingMetrics.recalls(
      groups: [0, 1, 0, 1, 0, 0, 2, 2, 3], labels: [1, 0, 0, 1, 1, 0, 0, 0, 1],
      scores: [3, 2, 2, 2, 2, 1, 5, 4, 9], mostRows: 3)
    // The first: found, not, found. The second, of two equal scores: not, found.
    #expect(recalls == [0.25, 0.75, 1])
    #expect(RankingMetrics.recalls(groups: [], labels: [], scores: [], mostRows: 20) == [])
  }
}
