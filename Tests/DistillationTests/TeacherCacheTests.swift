import Distillation
import Encoders
import Glibc
import Kernels
import Synchronization
import Testing
import Text

/// What is read is what was computed, and only for whom it was.
struct TeacherCacheTests {
  typealias Fixture = TeacherCacheFixture

  @Test("in fp32, what is read has the bits of what was computed")
  func fullPrecisionIsExact() throws {
    let fixture = try Fixture()
    let live = Fixture.features(fixture.live())
    let first = fixture.cached()
    #expect(Fixture.features(first) == live && Fixture.features(first) == live)
    let again = fixture.cached()
    #expect(Fixture.features(again) == live)
    let counts = again.takeCounts().counts
    #expect(counts.hits == counts.sentences && counts.bytesWritten == 0 && counts.bytesRead > 0)
  }

  @Test("in fp16, what is computed is rounded to what is read, within half a unit of the last place")
  func halfPrecisionIsRounded() throws {
    let fixture = try Fixture()
    let live = Fixture.features(fixture.live())
    let computed = Fixture.features(fixture.cached(precision: .fp16))
    let second = fixture.cached(precision: .fp16)
    #expect(Fixture.features(second) == computed && second.takeCounts().counts.hits == live.count)
    #expect(computed != live)
    for (rounded, exact) in zip(computed.joined(), live.joined()) {
      // 11 bits of significand, and 2⁻²⁴ between subnormals.
      #expect(abs(rounded - exact) <= max(abs(exact) / 2048, 0x1p-25))
    }
    let half = fixture.cached().bytesInUse
    _ = Fixture.features(fixture.cached())
    #expect(half > 0 && fixture.cached().bytesInUse - half > half * 3 / 2)
  }

  @Test("entries are found in any order and company, and what is missing is computed", arguments: [1, 2, 3, 5])
  func sentencesAreFoundAlone(stored: Int) throws {
    let fixture = try Fixture()
    let kept = Fixture.features(fixture.cached(), Array(Fixture.sentences.prefix(stored)))
    let shuffled = Array(Fixture.sentences.reversed())
    let teacher = fixture.cached()
    let found = Fixture.features(teacher, shuffled)
    #expect(teacher.takeCounts().counts.hits == stored)
    #expect(Array(found.reversed().prefix(stored)) == kept)
    for (value, exact) in zip(found.joined(), Fixture.features(fixture.live(), shuffled).joined()) {
      #expect(abs(value - exact) < 1e-5)
    }
    #expect(hits(fixture.cached(), shuffled) == shuffled.count)
  }

  /// Each kind by itself, and projections beside scores.
  private static let selections: [TapSelection] =
    Tap.Kind.allCases.map { TapSelection($0, layers: $0.isOfHead ? [0] : [1, 4]) } + [
      [.scores(3), Tap(.values, layer: 3)], [Tap(.queries, layer: 2), Tap(.values, layer: 2)],
    ]

  @Test("a stage may ask for any taps", arguments: selections)
  func everyKindOfTap(taps: TapSelection) throws {
    let fixture = try Fixture()
    let live = Fixture.features(fixture.live(taps))
    #expect(Fixture.features(fixture.cached(taps)) == live && Fixture.features(fixture.cached(taps)) == live)
    #expect(hits(fixture.cached(taps)) == live.count)
  }

  // MARK: Keys

  @Test("another teacher, other taps, layers or precision find nothing")
  func identitiesDoNotMix() throws {
    let fixture = try Fixture()
    #expect(hits(fixture.cached()) == 0)
    try #require(hits(fixture.cached()) == Fixture.sentences.count)

    #expect(hits(fixture.cached(precision: .fp16)) == 0)
    for change: (inout TapSelection) -> Void in [
      { $0[.logits] = [] }, { $0[.scores] = [2] }, { $0[.scores] = [1, 4] }, { $0[.values] = [] },
      { $0[.hidden] = [0, 2] }, { $0[.queries] = [2] }, { $0[.pooled] = [] },
    ] {
      var taps = Fixture.everything
      change(&taps)
      #expect(hits(fixture.cached(taps)) == 0)
    }
    // The lowest bit of one weight, of each parameter in turn.
    for entry in fixture.weights.layout.entries {
      let matrix = fixture.weights[entry.slot]
      let old = matrix[0, 0]
      matrix[0, 0] = Float(bitPattern: old.bitPattern ^ 1)
      #expect(hits(fixture.cached()) == 0, "\(entry.key)")
      matrix[0, 0] = old
    }
    #expect(hits(fixture.cached()) == Fixture.sentences.count)
  }

  @Test("the same weights in another configuration find nothing")
  func configurationsDoNotMix() throws {
    let fixture = try Fixture()
    #expect(hits(fixture.cached()) == 0)
    for change: (inout EncoderConfiguration) -> Void in [
      { $0.layerNormEps = 1e-5 }, { $0.activation = .geluNew }, { $0.heads = 6 },
    ] {
      var configuration = fixture.encoder.configuration
      change(&configuration)
      var layout = ParameterLayout()
      let encoder = Encoder(configuration, layout: &layout)
      let teacher = CachedTeacher(
        LiveTeacher(FrozenModel(encoder, weights: fixture.weights, taps: Fixture.everything), taps: Fixture.everything),
        fingerprint: TeacherFingerprint(configuration, weights: fixture.weights, threads: 1),
        settings: TeacherCacheSettings.fullPrecision(fixture.path))
      #expect(hits(teacher) == 0)
    }
  }

  @Test("the number of threads does not change a teacher's hash")
  func hashesAgree() throws {
    let fixture = try Fixture()
    #expect(hits(fixture.cached()) == 0)
    let teacher = CachedTeacher(
      fixture.live(),
      fingerprint: TeacherFingerprint(fixture.encoder.configuration, weights: fixture.weights, threads: 5),
      settings: TeacherCacheSettings.fullPrecision(fixture.path))
    #expect(hits(teacher) == Fixture.sentences.count)
  }

  @Test("other tokens or segments find nothing")
  func sentencesDoNotMix() throws {
    let fixture = try Fixture()
    let teacher = fixture.cached()
    #expect(hits(teacher, [[2, 5, 6, 3]]) == 0)
    #expect(hits(teacher, [[2, 5, 6, 3]]) == 1)
    #expect(hits(teacher, [[2, 6, 5, 3], [2, 5, 6], [2, 5, 6, 3, 0], [2, 5, 6, 4]]) == 0)
    // [2, 5, 6, 3] with segments 0 0 1 1.
    _ = teacher.takeCounts()
    _ = teacher.features(of: Fixture.batch([[2, 5, 6, 3]], types: [[0, 0, 1, 1]]), arena: Arena())
    #expect(teacher.takeCounts().counts.hits == 0)
  }

  // MARK: Sharing

  @Test("a sentence that occurs again is stored once")
  func duplicatesAreStoredOnce() throws {
    let fixture = try Fixture()
    let sentence: [Int32] = [2, 7, 8, 3]
    let teacher = fixture.cached()
    _ = Fixture.features(teacher, [sentence])
    let one = teacher.takeCounts().counts.bytesWritten
    let other = fixture.cached(precision: .fp16)
    _ = Fixture.features(other, [sentence, sentence, [2, 9, 3], sentence])
    _ = Fixture.features(other, [sentence, sentence])
    let counts = other.takeCounts().counts
    #expect(one > 0 && counts.hits == 2)
    let cache = try TeacherCacheDirectory(fixture.path)
    #expect(cache.folders(readsValues: true).map(\.entries).sorted() == [1, 2])
  }

  @Test("ranks find each other's entries while they write, and any number of ranks finds them later")
  func ranksShare() throws {
    let fixture = try Fixture()
    let ranks = (0..<3).map { _ in fixture.cached() }
    let live = Fixture.features(fixture.live())
    for (index, sentence) in Fixture.sentences.enumerated() {
      #expect(Fixture.features(ranks[index % 3], [sentence]) == [live[index]])
    }
    #expect(fixture.segments().count == 3)
    for rank in ranks { #expect(hits(rank) == live.count) }
    for rank in (0..<5).map({ _ in fixture.cached() }) {
      #expect(Fixture.features(rank) == live && rank.takeCounts().counts.hits == live.count)
    }
    let folders = try TeacherCacheDirectory(fixture.path).folders(readsValues: true)
    #expect(folders.map(\.entries) == [live.count] && folders[0].segments.allSatisfy { $0.problem == nil })
  }

  @Test("threads of several ranks may ask at once")
  func threadsShare() throws {
    let fixture = try Fixture()
    let sentences = (0..<60).map { (index: Int32) -> [Int32] in [2, 5 + index % 25, 5 + index / 25, 3] }
    let live = Fixture.features(fixture.live(), sentences)
    let ranks = [fixture.cached(), fixture.cached()]
    let differing = Mutex(0)
    concurrent(8) { thread in
      for round in 0..<10 {
        let part = (0..<12).map { (thread * 7 + round * 5 + $0) % sentences.count }
        let found = TeacherCacheFixture.features(ranks[thread % 2], part.map { sentences[$0] })
        for (position, features) in zip(part, found) {
          let worst = zip(features, live[position]).map { abs($0 - $1) }.max() ?? .infinity
          if worst > 1e-5 { differing.withLock { $0 += 1 } }
        }
      }
    }
    #expect(differing.withLock { $0 } == 0)
    #expect(ranks.allSatisfy { $0.takeCounts().notices.isEmpty })
    #expect(hits(fixture.cached(), sentences) == sentences.count)
    let segments = try TeacherCacheDirectory(fixture.path).folders(readsValues: true).flatMap(\.segments)
    #expect(segments.allSatisfy { $0.problem == nil })
  }

  // MARK: Limits

  @Test("beyond the budget sentences are computed", arguments: [0, 200, 3000, 6000, 12_000])
  func budgetHolds(maxBytes: Int) throws {
    let fixture = try Fixture()
    let live = Fixture.features(fixture.live())
    let teacher = fixture.cached(maxBytes: maxBytes)
    for (sentence, wanted) in zip(Fixture.sentences, live) {
      for (a, b) in zip(Fixture.features(teacher, [sentence])[0], wanted) { #expect(abs(a - b) < 1e-5) }
    }
    let used = try fixture.segments().map { try Fixture.read($0).count }.reduce(0, +)
    #expect(used <= maxBytes && teacher.bytesInUse == used)
    let notices = teacher.takeCounts().notices
    #expect(notices.count == 1 && notices[0].contains("full") && notices[0].contains("\(maxBytes)"))
    #expect(hits(teacher) < live.count && (hits(teacher) > 0) == (used > 0))
    // Another teacher's entries count too.
    let other = fixture.cached(precision: .fp16, maxBytes: used)
    #expect(hits(other) == 0 && hits(other) == 0)
  }

  @Test("a value beyond fp16's range is kept in full")
  func overflowIsKept() throws {
    let fixture = try Fixture()
    // Scores of the last layer in the millions.
    for key in ["query.weight", "query.bias"] {
      let slot = try #require(fixture.weights.layout["bert.encoder.layer.3.attention.self.\(key)"]?.slot)
      for index in slot.offset..<slot.offset + slot.count { fixture.weights.values[index] *= 1e7 }
    }
    let live = Fixture.features(fixture.live())
    try #require(live.contains { $0.contains { abs($0) > 65_504 } })
    #expect(Fixture.features(fixture.cached(precision: .fp16)) == Fixture.features(fixture.cached(precision: .fp16)))
    let again = fixture.cached(precision: .fp16)
    let found = Fixture.features(again)
    #expect(again.takeCounts().counts.hits == live.count)
    for (rounded, exact) in zip(found.joined(), live.joined()) {
      #expect(abs(rounded - exact) <= max(abs(exact) / 2048, 0x1p-25))
    }
  }

  @Test("a path that cannot be written is told, and all is computed", arguments: ["file/below", "file"])
  func unwritablePath(name: String) throws {
    let fixture = try Fixture()
    try Fixture.write("x".utf8, to: "\(fixture.path)/file")
    let teacher = fixture.cached(at: "\(fixture.path)/\(name)")
    #expect(Fixture.features(teacher) == Fixture.features(fixture.live()))
    #expect(hits(teacher) == 0)
    let other = fixture.cached(at: "\(fixture.path)/\(name)")
    _ = Fixture.features(other)
    let notices = other.takeCounts().notices
    #expect(notices.count == 1 && notices[0].contains("Not a directory"))
  }
}

extension TeacherCacheSettings {
  fileprivate static func fullPrecision(_ path: String) -> TeacherCacheSettings {
    var settings = TeacherCacheSettings(path: path)
    settings.precision = .fp32
    return settings
  }
}
