import Dispatch
import Encoders

/// The parameters whose gradient a step wants, cut into the pieces in which a backward pass completes them: from the
/// last in the layout to the first.
struct GradientSegments: Sendable {
  struct Segment: Sendable {
    /// Where it begins in the layout; all that lies behind is in the segments before it.
    let start: Int
    let ranges: [Range<Int>]
    /// Left by each worker as it completes the segment.
    let pending: DispatchGroup
  }

  let segments: [Segment]

  /// Completes one worker's part of the segments in order, as far as a micro-batch's backward pass says it got.
  struct Progress: ~Copyable {
    private let segments: [Segment]
    private let isTold: Bool
    private var count = 0

    /// - Parameter isTold: whether others wait for what is completed: of a worker's last micro-batch.
    init(_ segments: GradientSegments, isTold: Bool) {
      self.segments = segments.segments
      self.isTold = isTold
    }

    /// - Parameters:
    ///   - start: the place in the layout from which on the gradient is complete.
    ///   - conclude: what the worker still does to a segment.
    mutating func advance(to start: Int, _ conclude: (_ ranges: [Range<Int>]) -> Void) {
      while count < segments.count, segments[count].start >= start {
        conclude(segments[count].ranges)
        if isTold { segments[count].pending.leave() }
        count += 1
      }
    }
  }
}

extension GradientSegments {
  /// - Parameters:
  ///   - ranges: the parameters.
  ///   - least: how many parameters make a segment. Only the last has fewer.
  ///   - workers: how many complete each segment.
  init(of ranges: [Range<Int>], in parameters: EncoderParameters, least: Int, workers: Int) {
    var segments: [Segment] = []
    var end = Int.max
    for start in parameters.completed {
      let part = ranges.map { $0.clamped(to: start..<max(start, end)) }.filter { !$0.isEmpty }
      let count = part.reduce(0) { $0 + $1.count }
      guard count >= least || start == 0 else { continue }
      let pending = DispatchGroup()
      for _ in 0..<workers { pending.enter() }
      segments.append(Segment(start: start, ranges: part, pending: pending))
      end = start
    }
    self.segments = segments
  }
}
