import JSON
import Kernels

/// The `manifest.json` of a checkpoint: the size and SHA-256 of every other file in its directory. Written last, so that
/// a directory that has one was complete, and its files can be told from damaged ones.
package enum CheckpointManifest {
  package static let name = "manifest.json"
  private static let version = 1
  private static let limits = JSON.Limits(depth: 8, bytes: 1 << 20, values: 50_000)

  package static func exists(in directory: String) -> Bool {
    fileKind(join(directory, name), followingLinks: false) == .file
  }

  /// Lists the files of a directory as they are on disk.
  package static func write(into directory: String) throws(CheckpointError) {
    var files = JSONObject()
    for name in try names(in: directory) where name != Self.name {
      let file = try ReadableFile(join(directory, name))
      files[name] = ["bytes": .integer(file.size), "sha256": .string("\(try file.digest())")]
    }
    let manifest: JSON = ["version": .integer(version), "files": .object(files)]
    try writeAtomically(manifest.bytes(.pretty) + Array("\n".utf8), to: join(directory, Self.name))
  }

  /// Reads every file that the manifest lists. Others are nobody's business: they may be a user's.
  ///
  /// - Throws: everything that is missing or differs.
  package static func verify(_ directory: String) throws(CheckpointError) {
    var problems: [String] = []
    for (name, bytes, digest) in try contents(of: directory) {
      do throws(CheckpointError) {
        let file = try ReadableFile(join(directory, name))
        guard file.size == bytes else {
          problems.append("\(name.escapedForDisplay): expected \(bytes) bytes, found \(file.size)")
          continue
        }
        if "\(try file.digest())" != digest {
          problems.append("\(name.escapedForDisplay): damaged: not what was saved")
        }
      } catch {
        problems.append("\(name.escapedForDisplay): \(error.problems.joined(separator: "; "))")
      }
    }
    guard problems.isEmpty else { throw CheckpointError(directory, problems) }
  }

  private static func contents(of directory: String) throws(CheckpointError) -> [(String, bytes: Int, digest: String)] {
    let path = join(directory, name)
    let file = try ReadableFile(path)
    guard file.size <= limits.bytes else {
      throw CheckpointError(path, "expected at most \(limits.bytes) bytes, found \(file.size)")
    }
    let bytes = try file.bytes(file.size, at: 0)
    let manifest: JSON
    do throws(JSONError) {
      manifest = try JSON.parse(bytes, limits: limits)
    } catch {
      throw CheckpointError(path, "damaged: \(error)")
    }
    // What reads differently from what was written has changed, even where it still means something.
    guard manifest.bytes(.pretty) + Array("\n".utf8) == bytes, manifest["version"]?.int == version,
      let files = manifest["files"]?.object, manifest.object?.count == 2
    else { throw CheckpointError(path, "damaged: expected version \(version) and a list of files as it was written") }
    var contents: [(String, bytes: Int, digest: String)] = []
    for (name, value) in files {
      guard isPlain(name), value.object?.count == 2, let bytes = value["bytes"]?.int, bytes >= 0,
        let digest = value["sha256"]?.string
      else { throw CheckpointError(path, "damaged: \(name.quoted): expected a file's name, bytes and sha256") }
      contents.append((name, bytes, digest))
    }
    return contents
  }

  /// Its files, and those of its folders: `1_Pooling/config.json`.
  static func names(in directory: String) throws(CheckpointError) -> [String] {
    var names: [String] = []
    for name in try entries(of: directory) {
      if fileKind(join(directory, name), followingLinks: false) == .directory {
        for file in try entries(of: join(directory, name)) { names.append("\(name)/\(file)") }
      } else {
        names.append(name)
      }
    }
    return names
  }

  /// Whether a name stays in its directory, or in a folder of it.
  private static func isPlain(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count <= 2
      && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) }
  }
}

extension ReadableFile {
  /// The SHA-256 of the whole file.
  fileprivate func digest() throws(CheckpointError) -> SHA256 {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), 1 << 20), alignment: 64)
    defer { chunk.deallocate() }
    var stream = SHA256Stream()
    var offset = 0
    while offset < size {
      let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<min(chunk.count, size - offset)])
      try read(into: part, at: offset)
      stream.append(UnsafeRawBufferPointer(part))
      offset += part.count
    }
    return stream.digest()
  }
}
