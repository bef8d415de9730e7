/// Strings in UTF-8, each with a number, found by walking bytes.
///
/// The edges are in one open-addressed hash table: a step costs a probe, and building is linear.
struct PieceTrie: Sendable {
  typealias Node = UInt32

  static let root: Node = 0
  /// Nodes are 24 bits of a key.
  static let maximumBytes = 1 << 24 - 1

  private var edges: [Edge]
  /// What ends at each node, or −1.
  private var values: [Int32] = [-1]

  /// From a node by a byte (together the key) to a node. A key of `.max` is a free place.
  private struct Edge: Sendable {
    var key: UInt32 = .max
    var node: Node = 0
  }

  /// - Parameter pieces: With values of at least 0. Of equal pieces the last counts. Together they have at most
  ///   `maximumBytes` bytes.
  init(_ pieces: some Collection<(piece: String, value: Int32)>) {
    edges = [Edge](repeating: Edge(), count: 64)
    for (piece, value) in pieces {
      var node = Self.root
      for byte in piece.utf8 { node = addChild(of: node, by: byte) }
      values[Int(node)] = value
    }
  }

  /// The number of a whole piece.
  func value(of piece: String) -> Int32? { value(of: Array(piece.utf8)[...]) }

  @inline(__always)
  func value(of piece: ArraySlice<UInt8>) -> Int32? {
    guard let node = node(of: piece), values[Int(node)] >= 0 else { return nil }
    return values[Int(node)]
  }

  /// Where a walk over `prefix` ends, or nil if no piece starts with it.
  func node(of prefix: ArraySlice<UInt8>) -> Node? {
    var node = Self.root
    for byte in prefix {
      guard let child = child(of: node, by: byte) else { return nil }
      node = child
    }
    return node
  }

  /// The longest piece, not empty, that `bytes` hold at `start`, and where it ends.
  @inline(__always)
  func longestMatch(
    in bytes: ArraySlice<UInt8>, at start: Int, from node: Node = Self.root
  ) -> (value: Int32, end: Int)? {
    var node = node
    var match: (value: Int32, end: Int)?
    var index = start
    while index < bytes.endIndex, let child = child(of: node, by: bytes[index]) {
      node = child
      index += 1
      if values[Int(node)] >= 0 { match = (values[Int(node)], index) }
    }
    return match
  }

  /// Calls `body` for each piece, not empty, that `bytes` hold at `start`, from the shortest, with where it ends.
  @inline(__always)
  func forEachMatch(in bytes: ArraySlice<UInt8>, at start: Int, _ body: (_ value: Int32, _ end: Int) -> Void) {
    var node = Self.root
    var index = start
    while index < bytes.endIndex, let child = child(of: node, by: bytes[index]) {
      node = child
      index += 1
      if values[Int(node)] >= 0 { body(values[Int(node)], index) }
    }
  }

  @inline(__always)
  private func child(of node: Node, by byte: UInt8) -> Node? {
    let key = node << 8 | UInt32(byte)
    let edge = edges[place(of: key)]
    return edge.key == key ? edge.node : nil
  }

  private mutating func addChild(of node: Node, by byte: UInt8) -> Node {
    let key = node << 8 | UInt32(byte)
    let known = edges[place(of: key)]
    if known.key == key { return known.node }
    // At most half of the places are taken, which leaves walks short.
    if 2 * values.count > edges.count { grow() }
    edges[place(of: key)] = Edge(key: key, node: Node(values.count))
    values.append(-1)
    return Node(values.count - 1)
  }

  private mutating func grow() {
    let old = edges
    edges = [Edge](repeating: Edge(), count: 2 * old.count)
    for edge in old where edge.key != .max { edges[place(of: edge.key)] = edge }
  }

  @inline(__always)
  private func place(of key: UInt32) -> Int {
    // Multiplicative hashing by 2⁶⁴/φ: the middle bits are mixed well.
    var place = Int((UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & (edges.count - 1)
    while edges[place].key != key, edges[place].key != .max { place = (place + 1) & (edges.count - 1) }
    return place
  }
}
