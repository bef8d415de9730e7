/// The order in which gradients are summed: a number of leaves pairwise, then the pairs pairwise, and so on, a last odd
/// one going up alone. Whoever adds what of it, the sum has the same bits.
struct SummationTree: Sendable {
  let leaves: Int

  /// A sum of neighbouring leaves: from leaf `index` · 2^`level`, 2^`level` of them or as many as there are.
  struct Node: Hashable, Sendable {
    let level: Int
    let index: Int
  }

  /// A sum that is not finished: in order, the nodes that wait for a neighbour to their right.
  struct Progress: Sendable {
    fileprivate(set) var nodes: [Node] = []
  }

  /// Some nodes after additions that needed no others.
  struct Reduction: Sendable {
    /// Of positions in the list of nodes, in the order in which to do them.
    let additions: [(target: Int, source: Int)]
    /// The positions that hold what is left, and what it is.
    let left: [(position: Int, node: Node)]
  }

  func leaf(_ index: Int) -> Node { risen(Node(level: 0, index: index)) }

  /// Takes the next node, and returns how many times the last two of the nodes are to be added to the one before.
  func append(_ node: Node, to progress: inout Progress) -> Int {
    progress.nodes.append(node)
    var additions = 0
    while progress.nodes.count > 1, let parent = parent(ofLast: progress.nodes) {
      progress.nodes.removeLast(2)
      progress.nodes.append(parent)
      additions += 1
    }
    return additions
  }

  /// Adds up nodes, given in order, as far as they go.
  func reduce(_ nodes: [Node]) -> Reduction {
    var progress = Progress()
    var positions: [Int] = []
    var additions: [(target: Int, source: Int)] = []
    for (position, node) in nodes.enumerated() {
      positions.append(position)
      for _ in 0..<append(node, to: &progress) {
        let source = positions.removeLast()
        additions.append((positions[positions.count - 1], source))
      }
    }
    return Reduction(additions: additions, left: Array(zip(positions, progress.nodes)))
  }

  /// What the leaves of a range add up to.
  func nodes(of range: Range<Int>) -> [Node] { reduce(range.map(leaf)).left.map(\.node) }

  private func parent(ofLast nodes: [Node]) -> Node? {
    let (left, right) = (nodes[nodes.count - 2], nodes[nodes.count - 1])
    guard left.level == right.level, left.index % 2 == 0, right.index == left.index + 1 else { return nil }
    return risen(Node(level: left.level + 1, index: left.index / 2))
  }

  /// A node that has nothing to its right stands for its parent too.
  private func risen(_ node: Node) -> Node {
    var node = node
    while 1 << node.level < leaves, node.index % 2 == 0, (node.index + 1) << node.level >= leaves {
      node = Node(level: node.level + 1, index: node.index / 2)
    }
    return node
  }
}
