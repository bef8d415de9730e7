import Encoders
import Kernels
import Synchronization
import Text

/// A frozen model whose features are read from disk where they are there, and computed and stored where they are not.
///
/// A sentence's features depend on nothing but its tokens, so they are kept by sentence and found in any order of rows,
/// cut of batches and number of ranks. What was computed is rounded as what is stored: a run is the same whatever the
/// cache holds, as far as matrix products give a row the same bits beside any other rows.
package final class CachedTeacher: TeacherSource {
  private let teacher: LiveTeacher
  private let precision: TeacherCacheSettings.Precision
  private let layout: EntryLayout
  private let store: EntryStore
  private let counts = Mutex(TeacherCacheCounts())

  /// Finds what is stored already. Nothing here fails: without a cache that can be read or written, all is computed.
  package init(_ teacher: LiveTeacher, fingerprint: TeacherFingerprint, settings: TeacherCacheSettings) {
    let identity = CacheIdentity(fingerprint, taps: teacher.taps, precision: settings.precision)
    self.teacher = teacher
    precision = settings.precision
    layout = identity.layout
    store = EntryStore(identity, settings: settings)
  }

  package func features(of batch: Batch, arena: Arena) -> Taps {
    let keys = (0..<batch.sentences).map { Self.key(of: $0, in: batch) }
    let locations = store.locations(keys)
    var counts = TeacherCacheCounts()
    counts.sentences = keys.count
    defer { self.counts.withLock { $0 += counts } }

    guard locations.contains(where: { $0 != nil }) else {
      let taps = teacher.features(of: batch, arena: arena)
      for sentence in keys.indices {
        counts.bytesWritten += settle(
          keys[sentence], sentence, of: batch, taps, to: sentence, of: batch, taps, arena: arena)
      }
      return taps
    }
    let taps = layout.allocate(batch, arena: arena)
    for location in locations { location.map(store.willNeed) }
    var missing: [Int] = []
    for sentence in keys.indices {
      guard let location = locations[sentence],
        read(keys[sentence], location, to: sentence, of: batch, taps, arena: arena)
      else {
        missing.append(sentence)
        continue
      }
      counts.hits += 1
      counts.bytesRead += location.byteCount
    }
    guard !missing.isEmpty else { return taps }
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let rest = batch.sentences(missing)
    let computed = teacher.features(of: rest, arena: arena)
    for (position, sentence) in missing.enumerated() {
      counts.bytesWritten += settle(
        keys[sentence], position, of: rest, computed, to: sentence, of: batch, taps, arena: arena)
    }
    return taps
  }

  /// The hash of a sentence's tokens and segments: another tokenizer gives other keys.
  private static func key(of sentence: Int, in batch: Batch) -> SHA256 {
    let range = batch.starts[sentence]..<batch.starts[sentence + 1]
    return withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * range.count) { ids in
      for (offset, index) in range.enumerated() {
        ids[offset] = batch.tokens[index].littleEndian
        ids[range.count + offset] = batch.types[index].littleEndian
      }
      return SHA256(of: UnsafeRawBufferPointer(ids))
    }
  }

  private func read(
    _ key: SHA256, _ location: EntryStore.Location, to sentence: Int, of batch: Batch, _ taps: Taps, arena: Arena
  ) -> Bool {
    // Keys differ wherever lengths do, unless somebody forged an entry.
    guard let count = layout.count(length: batch.length(sentence)),
      count * location.precision.bytesEach == location.byteCount
    else { return false }
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let bytes = UnsafeMutableRawBufferPointer(start: arena.bytes(location.byteCount), count: location.byteCount)
    guard store.read(key, location, into: bytes), let base = bytes.baseAddress else { return false }
    layout.decode(base, precision: location.precision, to: sentence, of: batch, taps)
    return true
  }

  /// Stores a computed sentence, and puts what reading it would give into `taps`.
  ///
  /// - Returns: the bytes written.
  private func settle(
    _ key: SHA256, _ computedSentence: Int, of computedBatch: Batch, _ computed: Taps, to sentence: Int,
    of batch: Batch, _ taps: Taps, arena: Arena
  ) -> Int {
    let length = batch.length(sentence)
    guard let count = layout.count(length: length) else { return 0 }
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let headerSize = Segment.EntryHeader.size
    let entry = arena.bytes(headerSize + count * TeacherCacheSettings.Precision.fp32.bytesEach)
    let written = layout.encode(
      computedSentence, of: computedBatch, computed, precision: precision, to: entry + headerSize)
    layout.decode(entry + headerSize, precision: written, to: sentence, of: batch, taps)
    let byteCount = count * written.bytesEach
    let header = Segment.EntryHeader(
      precision: written, length: length, byteCount: byteCount, key: key,
      checksum: checksum(UnsafeRawBufferPointer(start: entry + headerSize, count: byteCount)))
    return store.add(header, UnsafeMutableRawBufferPointer(start: entry, count: headerSize + byteCount))
  }

  // MARK: Reports

  /// What happened since the last call, of this rank, and what the user should know of it.
  package func takeCounts() -> (counts: TeacherCacheCounts, notices: [String]) {
    let taken = counts.withLock { counts in
      defer { counts = TeacherCacheCounts() }
      return counts
    }
    return (taken, store.takeNotices())
  }

  /// Bytes below the cache's path, as far as this rank knows.
  package var bytesInUse: Int { store.bytesInUse }
}

/// How much of what was asked for was found.
package struct TeacherCacheCounts: Sendable, Equatable {
  package var sentences = 0
  package var hits = 0
  package var bytesRead = 0
  package var bytesWritten = 0

  package init() {}

  fileprivate static func += (a: inout Self, b: Self) {
    a.sentences += b.sentences
    a.hits += b.hits
    a.bytesRead += b.bytesRead
    a.bytesWritten += b.bytesWritten
  }
}

extension Arena {
  /// `count` bytes, aligned to 64.
  fileprivate func bytes(_ count: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(allocate((count + MemoryLayout<Float>.stride - 1) / MemoryLayout<Float>.stride))
  }
}

extension Batch {
  /// Some of its sentences, in the order given.
  fileprivate func sentences(_ positions: [Int]) -> Batch {
    var batch = Batch()
    for position in positions {
      let range = starts[position]..<starts[position + 1]
      batch.tokens += tokens[range]
      batch.types += types[range]
      batch.starts.append(batch.tokens.count)
      batch.labels.append(labels[position])
      batch.samples.append(samples[position])
    }
    return batch
  }
}
