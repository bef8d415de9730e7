import Checkpoints
import Glibc
import JSON
import Kernels

/// A cache's path cannot be used as one.
package struct TeacherCacheError: Error, CustomStringConvertible, Equatable {
  package let description: String
}

/// All that lies below a cache's path, whatever teacher it belongs to.
package struct TeacherCacheDirectory {
  private let path: String
  /// Shared by the runs that use the cache.
  package static let lockName = ".lock"

  /// - Throws: `TeacherCacheError` where there is no such directory.
  package init(_ path: String) throws(TeacherCacheError) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw TeacherCacheError(
        description: "\(path.escapedForDisplay): expected a teacher cache, found no such directory; give the "
          + "configuration's teacher.cache.path")
    }
    self.path = path
  }

  /// The entries of one teacher, selection of taps and precision.
  package struct Folder {
    package let name: String
    /// What the entries share, as its first sound segment says.
    package let identity: JSON?
    package let segments: [SegmentSummary]

    package var entries: Int { segments.reduce(0) { $0 + $1.entries } }
    package var bytes: Int { segments.reduce(0) { $0 + $1.bytes } }
  }

  package struct SegmentSummary {
    /// Relative to the cache's path.
    package let name: String
    package let entries: Int
    package let bytes: Int
    /// What is wrong with it; `nil` where nothing was found.
    package let problem: String?
  }

  /// - Parameter readsValues: whether every entry's values are held against their checksum too.
  package func folders(readsValues: Bool) -> [Folder] {
    names(in: path).filter(CacheIdentity.isFolder).map { folder in
      var identity: JSON?
      let segments = Self.segments(in: "\(path)/\(folder)").map { name in
        summary(name, in: folder, readsValues: readsValues, identity: &identity)
      }
      return Folder(name: folder, identity: identity, segments: segments)
    }.filter { !$0.segments.isEmpty }
  }

  private func summary(_ name: String, in folder: String, readsValues: Bool, identity: inout JSON?) -> SegmentSummary {
    let shown = "\(folder)/\(name)"
    guard let file = CacheFile.open(name, in: "\(path)/\(folder)"), let size = file.size else {
      return SegmentSummary(name: shown, entries: 0, bytes: 0, problem: "cannot be read")
    }
    guard let opening = Segment.readOpening(file) else {
      return SegmentSummary(name: shown, entries: 0, bytes: size, problem: "is no segment of a teacher cache")
    }
    guard CacheIdentity.folder(of: opening.description) == folder else {
      return SegmentSummary(name: shown, entries: 0, bytes: size, problem: "belongs in another folder")
    }
    identity = identity ?? (try? JSON.parse(opening.description))
    var entries = 0
    var damaged = 0
    var end = opening.end
    let damage = Segment.scan(file, from: &end) { entry, start in
      let isSound = !readsValues || Self.sum(of: entry.byteCount, in: file, at: start) == entry.checksum
      if isSound { entries += 1 } else { damaged += 1 }
    }
    var problems: [String] = []
    if damaged > 0 { problems.append("\(damaged) entries do not match their checksum") }
    switch damage {
    case .cutOff: problems.append("ends within an entry, \(size - end) bytes")
    case .damaged: problems.append("is damaged at byte \(end), \(size - end) bytes are lost")
    case nil: break
    }
    return SegmentSummary(
      name: shown, entries: entries, bytes: size, problem: problems.isEmpty ? nil : problems.joined(separator: "; "))
  }

  /// Entries larger than this are damaged: no sentence needs as much, and a size that lies must not take all memory.
  private static let largestEntry = 8 << 30

  private static func sum(of byteCount: Int, in file: CacheFile, at start: Int) -> UInt64? {
    guard byteCount <= largestEntry else { return nil }
    return file.bytes(byteCount, at: start).map { $0.withUnsafeBytes { checksum($0) } }
  }

  /// Deletes all segments, and the folders that are then empty. What a cache does not write is left alone.
  ///
  /// - Returns: the number of files deleted, and their bytes.
  /// - Throws: `TeacherCacheError` for the first file that cannot be deleted; `CheckpointError` where a run uses the
  ///   cache, whose files would be gone while it writes them.
  package func clear() throws -> (files: Int, bytes: Int) {
    let claim = try FileLock.claim(
      "\(path)/\(Self.lockName)", what: path, remedy: "give the run another teacher.cache.path")
    defer { withExtendedLifetime(claim) {} }
    var result = (files: 0, bytes: 0)
    for folder in names(in: path).filter(CacheIdentity.isFolder) {
      for name in Self.segments(in: "\(path)/\(folder)", unfinished: true) {
        let file = "\(path)/\(folder)/\(name)"
        var status = stat()
        guard lstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        guard unlink(file) == 0 else {
          throw TeacherCacheError(
            description: "\(file.escapedForDisplay): cannot be deleted: \(String(cString: strerror(errno)))")
        }
        result.files += 1
        result.bytes += Int(status.st_size)
      }
      // Fails where something else is in it.
      rmdir("\(path)/\(folder)")
    }
    return result
  }

  /// - Parameter unfinished: also those whose writer was killed before they had their name.
  private static func segments(in folder: String, unfinished: Bool = false) -> [String] {
    names(in: folder).filter { $0.hasSuffix(Segment.suffix) && (unfinished || !$0.hasPrefix(".")) }
  }
}
