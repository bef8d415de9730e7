import Testing

@testable import Training

struct SummationTreeTests {
  /// Adds up leaves that some ranks' nodes span, as text: what was added to what, in which order.
  private func sum(_ tree: SummationTree, shares: [Range<Int>]) -> [String] {
    func reduce(_ nodes: [SummationTree.Node], _ texts: [String]) -> (nodes: [SummationTree.Node], texts: [String]) {
      var texts = texts
      let reduction = tree.reduce(nodes)
      for addition in reduction.additions {
        texts[addition.target] = "(\(texts[addition.target])+\(texts[addition.source]))"
      }
      return (reduction.left.map(\.node), reduction.left.map { texts[$0.position] })
    }
    let parts = shares.map { share in reduce(share.map(tree.leaf), share.map { "\($0)" }) }
    #expect(parts.map(\.nodes) == shares.map(tree.nodes))
    return reduce(parts.flatMap(\.nodes), parts.flatMap(\.texts)).texts
  }

  @Test(
    "leaves are summed pairwise",
    arguments: [
      (1, "0"), (2, "(0+1)"), (3, "((0+1)+2)"), (5, "(((0+1)+(2+3))+4)"), (6, "(((0+1)+(2+3))+(4+5))"),
      (8, "(((0+1)+(2+3))+((4+5)+(6+7)))"),
    ])
  func pairs(leaves: Int, expected: String) {
    #expect(sum(SummationTree(leaves: leaves), shares: [0..<leaves]) == [expected])
  }

  @Test("the order does not depend on who adds what", arguments: 1..<20)
  func anyShares(leaves: Int) {
    let tree = SummationTree(leaves: leaves)
    let expected = sum(tree, shares: [0..<leaves])
    for ranks in 1...leaves + 2 {
      let shares = (0..<ranks).map { $0 * leaves / ranks..<($0 + 1) * leaves / ranks }
      #expect(sum(tree, shares: shares) == expected, "\(ranks) ranks")
    }
  }
}
