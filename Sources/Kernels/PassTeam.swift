import CKernels
import Glibc
import Synchronization

/// Threads that compute one forward pass together: one leads it and cuts its work into pieces, of which the others take
/// some where they are there in time. The leader never waits for one that has not come, so that a team of one is as good.
///
/// Each number is computed as by one thread: any number of threads gives the same bits.
///
/// `@unchecked Sendable`: `work` and `pieces` are written by the leader while no piece is left to take or under way, and
/// read by whoever has taken a piece of it.
package final class PassTeam: @unchecked Sendable {
  /// How many threads there are to be, the leader's among them.
  private let size: Int
  private var work: (_ piece: Int, _ arena: Arena) -> Void = { _, _ in }
  private var pieces = 0
  /// Of the work in hand, the pieces that nobody has taken.
  private let left = Atomic(0)
  /// Of the work in hand, the pieces that are computed.
  private let computed = Atomic(0)
  private let isOver = Atomic(false)

  package init(size: Int) { self.size = size }

  /// Calls `body` with parts of a range, on threads with arenas of their own, and waits for all.
  ///
  /// - Parameters:
  ///   - parts: that do not depend on one another.
  ///   - arena: the leader's.
  package func share(
    _ parts: Range<Int>, arena: Arena, _ body: @escaping (_ parts: Range<Int>, _ arena: Arena) -> Void
  ) {
    // Twice as many as threads, so that one that comes late leaves more to the others.
    let pieces = min(parts.count, size > 1 ? 2 * size : 1)
    guard pieces > 1 else { return body(parts, arena) }
    self.pieces = pieces
    work = { piece, arena in
      let (first, end) = (parts.count * piece / pieces, parts.count * (piece + 1) / pieces)
      body(parts.lowerBound + first..<parts.lowerBound + end, arena)
    }
    computed.store(0, ordering: .relaxed)
    left.store(pieces, ordering: .releasing)
    while takePiece(arena) {}
    var waits = 0
    while computed.load(ordering: .acquiring) < pieces { Self.wait(&waits) }
  }

  /// What `linearForward` says, in pieces of the output's columns.
  package func linearForward(out: Matrix, input: Matrix, weight: LinearWeight, bias: Matrix?, arena: Arena) {
    let multiplications = out.count.multipliedFullWidth(by: input.columns)
    guard multiplications.high > 0 || multiplications.low >= Self.leastMultiplications else {
      return Kernels.linearForward(out: out, input: input, weight: weight, bias: bias, arena: arena)
    }
    let strips = (out.columns + Self.columns - 1) / Self.columns
    share(0..<strips, arena: arena) { strips, arena in
      let columns = strips.lowerBound * Self.columns..<min(strips.upperBound * Self.columns, out.columns)
      Kernels.linearForward(
        out: out.columns(columns), input: input, weight: weight.rows(columns), bias: bias?.columns(columns),
        arena: arena)
    }
  }

  /// What `activationForward` says, or `gatedActivationForward`, in pieces of rows.
  package func activationForward(_ activation: Activation, isGated: Bool, out: Matrix, input: Matrix, arena: Arena) {
    share(0..<out.rows, arena: arena) { rows, _ in
      if isGated {
        gatedActivationForward(activation, out: out.rows(rows), input: input.rows(rows))
      } else {
        Kernels.activationForward(activation, out: out.rows(rows), input: input.rows(rows))
      }
    }
  }

  /// Takes pieces until the leader says that the pass is over.
  package func help(arena: Arena) {
    var waits = 0
    while !isOver.load(ordering: .acquiring) {
      if takePiece(arena) {
        waits = 0
      } else {
        Self.wait(&waits)
      }
    }
  }

  /// Sends the helpers home.
  package func end() { isOver.store(true, ordering: .releasing) }

  /// Below, a product takes less time than sharing it.
  private static let leastMultiplications = 1 << 17
  /// Whole panels of any kernel.
  private static let columns = 32

  /// Computes a piece, if one is left.
  private func takePiece(_ arena: Arena) -> Bool {
    var left = left.load(ordering: .relaxed)
    while left > 0 {
      let (taken, found) = self.left.weakCompareExchange(expected: left, desired: left - 1, ordering: .acquiring)
      if taken {
        work(left - 1, arena)
        computed.add(1, ordering: .releasing)
        return true
      }
      left = found
    }
    return false
  }

  /// For the time of a product; a thread that waits longer may be in the way of another.
  private static func wait(_ waits: inout Int) {
    waits += 1
    if waits < 1 << 12 { ck_pause() } else { sched_yield() }
  }
}
