/// Who passes what on to whom, from a root to all ranks or back. Counted from the root, a rank's subtree is a range of
/// positions that begins with itself.
struct BinomialTree: Sendable {
  struct Child: Sendable {
    let rank: Int
    let subtree: Range<Int>
  }

  let parent: Int?
  /// The one with the largest subtree first.
  let children: [Child]
  let subtree: Range<Int>

  init(rank: Int, size: Int, root: Int) {
    let position = (rank - root + size) % size
    func other(at position: Int) -> Int { (position + root) % size }
    // A subtree is as long as its position's lowest bit; the root's, as all ranks.
    var length = 1
    while length < size, position & length == 0 { length *= 2 }
    parent = position == 0 ? nil : other(at: position - length)
    subtree = position..<min(position + length, size)
    var children: [Child] = []
    while length > 1 {
      length /= 2
      let child = position + length
      guard child < size else { continue }
      children.append(Child(rank: other(at: child), subtree: child..<min(child + length, size)))
    }
    self.children = children
  }
}
