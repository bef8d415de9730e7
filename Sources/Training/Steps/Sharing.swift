/// Which micro-batches of a step each worker of each rank computes, and the tree in which their gradients are summed.
struct Sharing: Sendable {
  /// Over ranks. Where the number of micro-batches is pinned, they are its leaves, and the sum has the same bits on any
  /// number of ranks and workers; else ranks are, which saves memory and additions.
  let tree: SummationTree
  let isPinned: Bool
  private let microBatches: Int
  private let places: Places

  init(_ setting: TrainingSettings.MicroBatches, microBatches: Int, places: Places) {
    if case .count = setting { isPinned = true } else { isPinned = false }
    tree = SummationTree(leaves: isPinned ? microBatches : places.ranks.size)
    self.microBatches = microBatches
    self.places = places
  }

  /// The micro-batches of a place: a stretch of them.
  private func microBatches(from place: Int, count: Int) -> Range<Int> {
    place * microBatches / places.count..<(place + count) * microBatches / places.count
  }

  func microBatches(worker: Int) -> Range<Int> {
    microBatches(from: places.place(rank: places.ranks.rank, worker: worker), count: 1)
  }

  func microBatches(rank: Int) -> Range<Int> {
    microBatches(from: places.place(rank: rank, worker: 0), count: places.workers(ofRank: rank))
  }

  /// What each rank brings to the sum.
  var nodes: [[SummationTree.Node]] {
    (0..<places.ranks.size).map { isPinned ? tree.nodes(of: microBatches(rank: $0)) : [tree.leaf($0)] }
  }
}
