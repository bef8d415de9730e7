import Distillation
import Encoders
import Glibc
import Testing

/// Files that are cut off, damaged or foreign never give wrong features, and what they held is stored again.
struct TeacherCacheDamageTests {
  typealias Fixture = TeacherCacheFixture

  private static let sentences = Array(Fixture.sentences.prefix(3))
  private static let taps: TapSelection = [Tap(.values, layer: 4), .logits]

  /// A cache of three sentences in one file, and that file's bytes.
  private func filled() throws -> (fixture: Fixture, segment: String, bytes: [UInt8], live: [[Float]]) {
    let fixture = try Fixture()
    let live = Fixture.features(fixture.cached(Self.taps), Self.sentences)
    let segment = try #require(fixture.segments().first)
    return (fixture, segment, try Fixture.read(segment), live)
  }

  /// After damage, features are still right, and another pass finds all of them.
  private func expectRecovery(_ fixture: Fixture, _ live: [[Float]], _ damage: String) -> [String] {
    let teacher = fixture.cached(Self.taps)
    let found = Fixture.features(teacher, Self.sentences)
    for (a, b) in zip(found.joined(), live.joined()) { #expect(abs(a - b) < 1e-5, "\(damage)") }
    #expect(hits(fixture.cached(Self.taps), Self.sentences) == Self.sentences.count, "\(damage)")
    return teacher.takeCounts().notices
  }

  private func removeOthers(_ fixture: Fixture, than segment: String) {
    for other in fixture.segments() where other != segment { unlink(other) }
  }

  @Test("cut off anywhere")
  func cutOff() throws {
    let (fixture, segment, bytes, live) = try filled()
    for count in stride(from: 0, to: bytes.count, by: 7) {
      try Fixture.write(bytes.prefix(count), to: segment)
      let notices = expectRecovery(fixture, live, "cut off at byte \(count) of \(bytes.count)")
      // Between entries nothing looks wrong.
      #expect(notices.count <= 1 && notices.allSatisfy { $0.contains(".segment") })
      removeOthers(fixture, than: segment)
    }
  }

  @Test("one bit changed anywhere")
  func bitsFlipped() throws {
    let (fixture, segment, bytes, live) = try filled()
    for position in stride(from: 0, to: bytes.count, by: 3) {
      var damaged = bytes
      damaged[position] ^= 1 << UInt8(position % 8)
      try Fixture.write(damaged, to: segment)
      let notices = expectRecovery(fixture, live, "bit \(position % 8) of byte \(position)")
      #expect(notices.count == 1, "byte \(position): \(notices)")
      let summaries = try TeacherCacheDirectory(fixture.path).folders(readsValues: true).flatMap(\.segments)
      #expect(summaries.contains { $0.problem != nil }, "byte \(position)")
      removeOthers(fixture, than: segment)
    }
  }

  @Test("a hole of zeros, a doubled half, and other bytes behind the end")
  func rearranged() throws {
    let (fixture, segment, bytes, live) = try filled()
    let half = bytes.count / 2
    var hole = bytes
    for index in half..<half + 64 { hole[index] = 0 }
    for (name, damaged) in [
      ("hole", hole), ("doubled", bytes + bytes), ("half and whole", bytes.prefix(half) + bytes),
      ("garbage behind", bytes + (0..<999).map { UInt8($0 & 255) }), ("zeros", bytes.map { _ in 0 }),
    ] {
      try Fixture.write(damaged, to: segment)
      let notices = expectRecovery(fixture, live, name)
      #expect((1...2).contains(notices.count), "\(name): \(notices)")
      removeOthers(fixture, than: segment)
    }
  }

  @Test("files that are no segments are left alone")
  func foreign() throws {
    let (fixture, segment, _, live) = try filled()
    let folder = String(segment.prefix(upTo: try #require(segment.lastIndex(of: "/"))))
    try Fixture.write([], to: "\(folder)/0-empty.segment")
    try Fixture.write("a text\n".utf8, to: "\(folder)/0-text.segment")
    try Fixture.write("a text\n".utf8, to: "\(folder)/notes.txt")
    #expect(mkdir("\(folder)/0-folder.segment", 0o700) == 0)
    #expect(mkfifo("\(folder)/0-fifo.segment", 0o600) == 0)
    #expect(symlink("/dev/zero", "\(folder)/0-link.segment") == 0)
    let teacher = fixture.cached(Self.taps)
    #expect(Fixture.features(teacher, Self.sentences) == live)
    let (counts, notices) = teacher.takeCounts()
    #expect(counts.hits == 3 && notices.count == 5)

    let (files, _) = try TeacherCacheDirectory(fixture.path).clear()
    // The empty one and the text have a segment's name.
    #expect(files == 3)
    #expect(fixture.entries(folder).count == 4)
  }

  @Test("a file of another teacher is not read where it does not belong")
  func misplaced() throws {
    let (fixture, segment, _, live) = try filled()
    // As another teacher would have written it.
    let slot = try #require(fixture.weights.layout["classifier.bias"]?.slot)
    let old = fixture.weights[slot][0, 0]
    fixture.weights[slot][0, 0] = old + 1
    let other = Fixture.features(fixture.cached(Self.taps), Self.sentences)
    #expect(other != live)
    fixture.weights[slot][0, 0] = old
    let foreign = try #require(fixture.segments().first { $0 != segment })
    try Fixture.write(try Fixture.read(foreign), to: segment)
    let notices = expectRecovery(fixture, live, "another teacher's file")
    #expect(notices.count == 1 && notices[0].contains("another teacher"), "\(notices)")
  }

  @Test("a file that shrinks while it is used gives no wrong features")
  func shrinking() throws {
    let (fixture, segment, bytes, live) = try filled()
    let teacher = fixture.cached(Self.taps)
    #expect(truncate(segment, off_t(bytes.count / 2)) == 0)
    let found = Fixture.features(teacher, Self.sentences)
    for (a, b) in zip(found.joined(), live.joined()) { #expect(abs(a - b) < 1e-5) }
    let (counts, notices) = teacher.takeCounts()
    #expect(counts.hits > 0 && counts.hits < 3 && notices.count == 1)
    #expect(hits(teacher, Self.sentences) == 3)
  }
}
