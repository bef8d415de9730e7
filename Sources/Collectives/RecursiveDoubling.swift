/// Whom a rank meets in a collective of log₂ P rounds: in round k, of the groups of 2ᵏ adjacent ranks, each rank meets its
/// counterpart in the neighbouring group (Thakur, Rabenseifner and Gropp, 2005). Where P is no power of two, some ranks
/// fold into their left neighbour first.
///
/// Groups are adjacent, so that what they have summed is a range of ranks, and the first rounds, which move the most
/// bytes in a reduce-scatter, stay within a host.
package struct RecursiveDoubling: Sendable, Equatable {
  package enum Fold: Sendable, Equatable {
    case none
    /// Gives all it has to this rank, takes part in no round, and gets the result from it.
    case into(Int)
    /// Has what this rank had too.
    case from(Int)
  }

  package struct Round: Sendable, Equatable {
    package let partner: Int
    /// Whether this rank's group lies to the left of the partner's.
    package let isLeft: Bool
    /// The ranks whose terms this rank has before the round, and its partner has.
    package let own: Range<Int>
    package let theirs: Range<Int>
  }

  package let fold: Fold
  package let rounds: [Round]

  package init(rank: Int, size: Int) {
    precondition((0..<size).contains(rank))
    let levels = size.bitWidth - 1 - size.leadingZeroBitCount
    let folded = size - 1 << levels
    // The members of rounds are numbered through; the first of them stand for two ranks.
    func first(_ member: Int) -> Int { member < folded ? 2 * member : member + folded }
    if rank < 2 * folded {
      fold = rank % 2 == 0 ? .from(rank + 1) : .into(rank - 1)
    } else {
      fold = .none
    }
    if case .into = fold {
      rounds = []
      return
    }
    let own = rank < 2 * folded ? rank / 2 : rank - folded
    rounds = (0..<levels).map { level in
      func ranks(ofGroup group: Int) -> Range<Int> { first(group << level)..<first((group + 1) << level) }
      let group = own >> level
      return Round(
        partner: first(own ^ 1 << level), isLeft: group % 2 == 0, own: ranks(ofGroup: group),
        theirs: ranks(ofGroup: group ^ 1))
    }
  }
}
