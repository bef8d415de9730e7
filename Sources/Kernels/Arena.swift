import CKernels

/// Memory for the activations of one step: allocation moves a cursor, and all of it is given back at once.
///
/// Blocks are kept between steps, so that after the first few steps nothing is allocated and no page is touched for
/// the first time. An arena belongs to one worker. Its contents are undefined until written.
package final class Arena {
  /// A point to go back to: everything allocated after it is given up.
  package struct Mark {
    fileprivate let block: Int
    fileprivate let used: Int
  }

  /// 16 MiB: a short batch fits in a few.
  package static let usualBlockCount = 4 << 20
  /// Floats between allocations, so that a 16-lane load at the end of one stays inside the block.
  private static let padding = 16

  private let blockCount: Int
  private var blocks: [MappedMemory] = []
  private var current = 0
  private var used = 0
  private var scratch: MappedMemory?

  /// - Parameter blockCount: floats of a block.
  package init(blockCount: Int = Arena.usualBlockCount) { self.blockCount = blockCount }

  deinit {
    for block in blocks { block.free() }
    scratch?.free()
  }

  /// `count` floats, aligned to 64 bytes and readable for another 16.
  package func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
    precondition(count >= 0)
    let needed = (count + 2 * Self.padding - 1) / Self.padding * Self.padding
    while current < blocks.count {
      let block = blocks[current]
      if block.count - used >= needed {
        defer { used += needed }
        return block.base + used
      }
      current += 1
      used = 0
    }
    let block = MappedMemory(count: max(needed, blockCount), hugePages: true, for: "a worker's activations")
    blocks.append(block)
    current = blocks.count - 1
    used = needed
    return block.base
  }

  package func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(base: allocate(rows * columns), rows: rows, columns: columns)
  }

  package func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    let matrix = matrix(rows, columns)
    matrix.base.update(repeating: 0, count: matrix.count)
    return matrix
  }

  package var mark: Mark { Mark(block: current, used: used) }

  package func reset(to mark: Mark) {
    current = mark.block
    used = mark.used
  }

  package func reset() {
    current = 0
    used = 0
  }

  /// A matrix product's scratch: the same memory every time, so that it stays in the caches.
  func productScratch() -> UnsafeMutablePointer<Float> {
    if let scratch { return scratch.base }
    let memory = MappedMemory(count: ck_product_scratch(), hugePages: true, for: "a worker's scratch")
    scratch = memory
    return memory.base
  }

  /// Bytes held, whether in use or not.
  package var capacity: Int { blocks.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride }
}
