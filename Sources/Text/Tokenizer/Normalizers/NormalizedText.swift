/// Text on its way to the model, in UTF-8, and which bytes of the source each of its bytes is from.
struct NormalizedText: Sendable {
  /// Bytes of the source.
  struct Origin: Sendable, Equatable {
    var start: Int32
    var end: Int32
  }

  var bytes: [UInt8] = []
  /// One for each byte; none unless they are tracked.
  private(set) var origins: [Origin] = []
  let tracksOrigins: Bool

  init(tracksOrigins: Bool) { self.tracksOrigins = tracksOrigins }

  /// The source itself, or a part of it at its place.
  init(_ source: ArraySlice<UInt8>, tracksOrigins: Bool) {
    self.init(tracksOrigins: tracksOrigins)
    append(source: source)
  }

  mutating func append(source: ArraySlice<UInt8>) {
    bytes += source
    guard tracksOrigins else { return }
    var index = source.startIndex
    while index < source.endIndex {
      let start = index
      _ = UTF8Text.next(source, &index)
      let origin = Origin(start: Int32(clamping: start), end: Int32(clamping: index))
      origins.append(contentsOf: repeatElement(origin, count: index - start))
    }
  }

  mutating func append(_ text: NormalizedText, _ range: Range<Int>) {
    bytes += text.bytes[range]
    if tracksOrigins { origins += text.origins[range] }
  }

  /// The bytes of the source that `range`, not empty, covers.
  func origin(of range: Range<Int>) -> Origin {
    Origin(start: origins[range.lowerBound].start, end: origins[range.upperBound - 1].end)
  }

  // MARK: Transformations

  /// What takes the place of a text, scalar by scalar. Origins follow as the library has them follow.
  struct Rewriter {
    fileprivate var result: NormalizedText
    private let source: NormalizedText
    /// The next byte of the source to be replaced.
    private var place: Int

    fileprivate init(_ source: NormalizedText, from place: Int) {
      result = NormalizedText(tracksOrigins: source.tracksOrigins)
      result.bytes.reserveCapacity(source.bytes.count + source.bytes.count / 4)
      self.source = source
      self.place = place
    }

    /// - Parameter change: 0 to replace the next scalar of the source, −n to replace it and drop n more, 1 to insert.
    @inline(__always)
    mutating func emit(_ scalar: UInt32, change: Int = 0) {
      let start = result.bytes.count
      UTF8Text.append(scalar, to: &result.bytes)
      if source.tracksOrigins { track(result.bytes.count - start, change) }
    }

    private mutating func track(_ count: Int, _ change: Int) {
      let origin: Origin
      if change > 0 {
        origin = place > 0 ? source.origins[place - 1] : Origin(start: 0, end: 0)
      } else {
        origin = source.origins[min(place, source.origins.count - 1)]
        for _ in 0...(-change) where place < source.bytes.count { _ = UTF8Text.next(source.bytes[...], &place) }
      }
      result.origins.append(contentsOf: repeatElement(origin, count: count))
    }
  }

  mutating func rewrite(_ body: (ArraySlice<UInt8>, inout Rewriter) -> Void) {
    guard !bytes.isEmpty else { return }
    var rewriter = Rewriter(self, from: 0)
    body(bytes[...], &rewriter)
    self = rewriter.result
  }

  /// Keeps the scalars that `isKept` says, each with its origin.
  mutating func filter(_ isKept: (UInt32) -> Bool) {
    var result = NormalizedText(tracksOrigins: tracksOrigins)
    var (index, start, changed) = (0, 0, false)
    while index < bytes.count {
      let scalar = index
      guard !isKept(UTF8Text.next(bytes[...], &index)) else { continue }
      result.append(self, start..<scalar)
      (start, changed) = (index, true)
    }
    guard changed else { return }
    result.append(self, start..<bytes.count)
    self = result
  }

  /// Keeps `range` alone.
  mutating func trim(to range: Range<Int>) {
    guard range != 0..<bytes.count else { return }
    bytes = Array(bytes[range])
    if tracksOrigins { origins = Array(origins[range]) }
  }

  /// Puts `content` in the place of each of `matches`, which are not empty; it is from where the last byte was.
  mutating func replace(_ matches: [Range<Int>], with content: [UInt8]) {
    guard !matches.isEmpty else { return }
    var result = NormalizedText(tracksOrigins: tracksOrigins)
    var done = 0
    for match in matches {
      result.append(self, done..<match.lowerBound)
      result.bytes += content
      if tracksOrigins {
        result.origins.append(contentsOf: repeatElement(origins[match.upperBound - 1], count: content.count))
      }
      done = match.upperBound
    }
    result.append(self, done..<bytes.count)
    self = result
  }

  /// Appends `content` and says that it is from where the byte at `place` of `text` is.
  mutating func append(_ content: [UInt8], from text: NormalizedText, _ place: Int) {
    bytes += content
    if tracksOrigins { origins.append(contentsOf: repeatElement(text.origins[place], count: content.count)) }
  }
}
