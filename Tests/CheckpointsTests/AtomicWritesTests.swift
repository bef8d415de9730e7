import Checkpoints
import Foundation
import Testing

struct AtomicWritesTests {
  @Test func replacesFilesAndLinks() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically([1], to: directory + "/file")
      try writeAtomically([2, 3], to: directory + "/file")
      #expect(try contents(directory + "/file") == [2, 3])
      for target in ["step-1", "step-2"] {
        #expect(mkdir("\(directory)/\(target)", 0o700) == 0)
        try writeAtomically(Array(target.utf8), to: "\(directory)/\(target)/name")
        try replaceSymbolicLink(directory + "/last", target: target)
        #expect(try contents(directory + "/last/name") == Array(target.utf8))
      }
      #expect(throws: CheckpointError.self) { try replaceSymbolicLink(directory + "/step-1", target: "step-2") }
      #expect(throws: CheckpointError.self) { try writeAtomically([1], to: directory + "/step-1") }
      let error = #expect(throws: CheckpointError.self) { try writeAtomically([1], to: directory + "/none/file") }
      #expect(error?.description == "\(directory)/none/file: cannot create: No such file or directory")
      #expect(try names(in: directory) == ["file", "last", "step-1", "step-2"])
    }
  }

  @Test(arguments: ["", "/"])
  func replacesDirectoriesWhole(slash: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/runs/first/model"
      for generation in [UInt8(1), 2, 3] {
        try replaceDirectory(path + slash) { temporary in
          #expect(temporary.hasPrefix(directory + "/runs/first/."))
          #expect(mkdir(temporary + "/deep", 0o700) == 0)
          try writeAtomically([generation], to: temporary + "/deep/file\(generation)")
        }
        #expect(try names(in: path + "/deep") == ["file\(generation)"])
        #expect(try names(in: directory + "/runs/first") == ["model"])
      }
      struct Interruption: Error {}
      #expect(throws: Interruption.self) {
        try replaceDirectory(path) { temporary in
          try writeAtomically([9], to: temporary + "/half")
          throw Interruption()
        }
      }
      #expect(try names(in: path) == ["deep"])
      #expect(try names(in: directory + "/runs/first") == ["model"])
    }
  }

  @Test func replacesWhatALinkPointsTo() throws {
    try withTemporaryDirectory { directory in
      try replaceDirectory(directory + "/step-1") { try writeAtomically([1], to: $0 + "/file") }
      try replaceSymbolicLink(directory + "/best", target: "step-1")
      try replaceDirectory(directory + "/best") { try writeAtomically([2], to: $0 + "/file") }
      #expect(try contents(directory + "/step-1/file") == [2])
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: directory + "/best") == "step-1")
      try writeAtomically([1], to: directory + "/plain")
      #expect(throws: CheckpointError.self) { try replaceDirectory(directory + "/plain") { _ in } }
    }
  }

  @Test("a result has no name until it is complete, so that a kill leaves nothing")
  func leavesNothing() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically([1], to: directory + "/file")
      for isComplete in [false, true] {
        let file = try PendingFile(replacing: directory + "/file", leavesNothing: true)
        try file.write([2, 3], at: 0)
        #expect(try names(in: directory) == ["file"])
        #expect(try contents(directory + "/file") == [1])
        if isComplete { try file.commit() }
      }
      #expect(try contents(directory + "/file") == [2, 3])
      #expect(try names(in: directory) == ["file"])
    }
  }

  @Test func recoversFromEveryPlaceAReplacementCanStop() throws {
    try withTemporaryDirectory { directory in
      func make(_ name: String) throws {
        #expect(mkdir("\(directory)/\(name)", 0o700) == 0)
        try writeAtomically(Array(name.utf8), to: "\(directory)/\(name)/file")
      }
      // While filling; between the renames; while deleting the replaced one.
      try make(".a.tmp-1-x")
      try make(".b.tmp-1-x")
      try make(".b.old-1-x")
      try make("c")
      try make(".c.old-1-x")
      try make(".hidden")
      try writeAtomically([], to: directory + "/.d.json.tmp-1-x")
      try recoverInterruptedWrites(in: directory)
      #expect(try names(in: directory) == [".hidden", "b", "c"])
      #expect(try contents(directory + "/b/file") == Array(".b.old-1-x".utf8))
      #expect(try contents(directory + "/c/file") == Array("c".utf8))
    }
  }
}
