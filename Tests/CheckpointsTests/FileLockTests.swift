import Foundation
import Testing

@testable import Checkpoints

/// Claims on files. Locks of one process exclude each other as those of two do.
struct FileLockTests {
  @Test("one has it, the second is told who")
  func exclusive() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/.lock"
      let first = try #require(try FileLock.attempt(path))
      #expect(try FileLock.attempt(path) == nil)
      #expect(try FileLock.attempt(path, sharing: .shared) == nil)
      #expect(FileLock.isHeld(path))
      let holder = try #require(FileLockHolder.of(path))
      #expect(holder.hasPrefix("process \(getpid()) on ") && holder.hasSuffix(" UTC"))
      let error = #expect(throws: CheckpointError.self) {
        try FileLock.claim(path, patience: 0, what: "out.jsonl", remedy: "choose another path")
      }
      #expect(error?.description == "out.jsonl: in use by \(holder); wait for its end, or choose another path")
      withExtendedLifetime(first) {}
    }
  }

  @Test("what is given up can be had, and leaves no file")
  func released() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/.lock"
      do { #expect(try FileLock.attempt(path) != nil) }
      #expect(access(path, F_OK) != 0 && !FileLock.isHeld(path))
      do { #expect(try FileLock.attempt(path, removesFile: false) != nil) }
      // As a process that was killed leaves it.
      #expect(access(path, F_OK) == 0 && !FileLock.isHeld(path))
      _ = try FileLock.claim(path, patience: 0, what: "x", remedy: "y")
    }
  }

  @Test("many share it, and the last removes it")
  func shared() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/.lock"
      var locks = [try FileLock.attempt(path, sharing: .shared), try FileLock.attempt(path, sharing: .shared)]
      #expect(locks.allSatisfy { $0 != nil })
      #expect(try FileLock.attempt(path) == nil)
      locks.removeLast()
      #expect(access(path, F_OK) == 0)
      #expect(try FileLock.attempt(path) == nil)
      locks.removeLast()
      #expect(access(path, F_OK) != 0)
      #expect(try FileLock.attempt(path) != nil)
    }
  }

  @Test("a link in its place is not followed")
  func link() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically([1], to: directory + "/file")
      #expect(symlink("file", directory + "/.lock") == 0)
      #expect(throws: CheckpointError.self) { try FileLock.attempt(directory + "/.lock") }
      #expect(try contents(directory + "/file") == [1])
    }
  }
}
