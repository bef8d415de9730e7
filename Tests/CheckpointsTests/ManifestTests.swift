import Checkpoints
import Foundation
import Testing

@Suite struct Manifests {
  private func makeCheckpoint(_ directory: String) throws {
    try writeAtomically(Array(repeating: 7, count: 300_000), to: directory + "/weights")
    try writeAtomically(Array("{}".utf8), to: directory + "/config.json")
    try writeAtomically([], to: directory + "/empty")
    try CheckpointManifest.write(into: directory)
  }

  @Test("lists sizes and the hashes that sha256sum gives")
  func listing() throws {
    try withTemporaryDirectory { directory in
      try makeCheckpoint(directory)
      #expect(
        String(decoding: try contents(directory + "/manifest.json"), as: UTF8.self) == """
          {
            "version": 1,
            "files": {
              "config.json": {
                "bytes": 2,
                "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
              },
              "empty": {
                "bytes": 0,
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
              },
              "weights": {
                "bytes": 300000,
                "sha256": "\(Self.sha256OfWeights)"
              }
            }
          }

          """)
      try CheckpointManifest.verify(directory)
      // A file that came later is nobody's business.
      try writeAtomically([1], to: directory + "/notes.txt")
      try CheckpointManifest.verify(directory)
    }
  }

  /// `python3 -c 'import hashlib; print(hashlib.sha256(bytes([7]) * 300000).hexdigest())'`
  private static let sha256OfWeights = "08f166476de183f7a1b2874d544d37912aaf8d19b92013e1aafe233ba231024a"

  @Test("every flipped bit of the manifest itself is found")
  func flips() throws {
    try withTemporaryDirectory { directory in
      try makeCheckpoint(directory)
      let path = directory + "/manifest.json"
      let sound = try contents(path)
      for index in sound.indices {
        for bit in 0..<8 {
          var damaged = sound
          damaged[index] ^= 1 << UInt8(bit)
          try Data(damaged).write(to: URL(filePath: path))
          #expect(throws: CheckpointError.self, "byte \(index), bit \(bit)") {
            try CheckpointManifest.verify(directory)
          }
        }
        try Data(sound[..<index]).write(to: URL(filePath: path))
        #expect(throws: CheckpointError.self, "cut at \(index)") { try CheckpointManifest.verify(directory) }
      }
    }
  }

  @Test("names what is missing, shorter or changed, all at once")
  func damage() throws {
    try withTemporaryDirectory { directory in
      try makeCheckpoint(directory)
      try writeAtomically(Array("{ ".utf8), to: directory + "/config.json")
      #expect(truncate(directory + "/weights", 299_999) == 0)
      #expect(unlink(directory + "/empty") == 0)
      let error = #expect(throws: CheckpointError.self) { try CheckpointManifest.verify(directory) }
      #expect(
        error?.problems == [
          "config.json: damaged: not what was saved", "empty: cannot open: No such file or directory",
          "weights: expected 300000 bytes, found 299999",
        ])
    }
  }

  @Test("a manifest cannot lead out of its directory", arguments: ["../secret", "/etc/passwd", "a/b", "..", ""])
  func escapes(name: String) throws {
    try withTemporaryDirectory { directory in
      let text = """
        {
          "version": 1,
          "files": {
            "\(name)": {
              "bytes": 0,
              "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            }
          }
        }

        """
      try writeAtomically(Array(text.utf8), to: directory + "/manifest.json")
      #expect(throws: CheckpointError.self) { try CheckpointManifest.verify(directory) }
    }
  }

  @Test("too little space is told before anything is written")
  func space() throws {
    try withTemporaryDirectory { directory in
      try requireDiskSpace(1, at: directory + "/not/yet/there")
      let error = #expect(throws: CheckpointError.self) { try requireDiskSpace(1 << 60, at: directory + "/state") }
      #expect(
        error?.description.hasPrefix("\(directory)/state: needs \((1 << 60) + (1 << 18)) bytes, and its file") == true)
    }
  }
}
