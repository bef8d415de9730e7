import Collectives

/// How a rank adds its gradients to those of others: in every round the terms of two groups of adjacent ranks meet, and are
/// added as far as the tree of sums allows. Groups are ranges of the tree's leaves, so no sum is ever out of order,
/// whatever the number of ranks.
struct SummationRounds: Sendable {
  /// Terms of two groups, the left group's first.
  struct Meeting: Sendable {
    let partner: Int
    let isLeft: Bool
    /// How many terms each side has.
    let own: Int
    let theirs: Int
    let reduction: SummationTree.Reduction
  }

  let pattern: RecursiveDoubling
  /// With the rank that folds into this one.
  let folded: Meeting?
  let meetings: [Meeting]

  /// - Parameter nodes: what each rank's gradients are in the tree.
  init(rank: Int, nodes: [[SummationTree.Node]], tree: SummationTree) {
    pattern = RecursiveDoubling(rank: rank, size: nodes.count)
    func terms(_ ranks: Range<Int>) -> [SummationTree.Node] {
      tree.reduce(nodes[ranks].flatMap { $0 }).left.map(\.node)
    }
    func meeting(_ partner: Int, isLeft: Bool, _ own: Range<Int>, _ theirs: Range<Int>) -> Meeting {
      let (own, theirs) = (terms(own), terms(theirs))
      return Meeting(
        partner: partner, isLeft: isLeft, own: own.count, theirs: theirs.count,
        reduction: tree.reduce(isLeft ? own + theirs : theirs + own))
    }
    if case .from(let neighbour) = pattern.fold {
      folded = meeting(neighbour, isLeft: true, rank..<rank + 1, neighbour..<neighbour + 1)
    } else {
      folded = nil
    }
    meetings = pattern.rounds.map { meeting($0.partner, isLeft: $0.isLeft, $0.own, $0.theirs) }
  }

  /// How many numbers arrive for a chunk's sum, if none is overwritten.
  func arrivals(length: Int) -> Int {
    var (total, left) = ((folded?.theirs ?? 0) * length, length)
    for meeting in meetings {
      left = (left + 1) / 2
      total += meeting.theirs * left
    }
    return total
  }
}
