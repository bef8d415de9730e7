import Glibc

/// A directory of this process for the files that parsers read; in memory where the system has such a place.
struct Workspace {
  let path: String

  init() {
    self.init(of: getpid())
    mkdir(path, 0o700)
  }

  /// That of another process, which died and left it.
  init(of process: pid_t) {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    path = "\(parent)/distill-ddp-fuzz-\(process)"
  }

  /// Writes a file, in place of what was there, and returns its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = "\(self.path)/\(name)"
    writeFile(bytes, path)
    return path
  }

  func directory(_ name: String) -> String {
    mkdir("\(path)/\(name)", 0o700)
    return "\(path)/\(name)"
  }

  func remove() { Workspace.remove(path) }

  private static func remove(_ path: String) {
    for name in directoryEntries(path) {
      if unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
    }
    rmdir(path)
  }
}

func writeFile(_ bytes: [UInt8], _ path: String) {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  precondition(descriptor >= 0, "\(path): \(String(cString: strerror(errno)))")
  defer { close(descriptor) }
  var done = 0
  while done < bytes.count {
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
    precondition(written > 0, "\(path): \(String(cString: strerror(errno)))")
    done += written
  }
}

/// A file's bytes; none where there is no such file.
func readFile(_ path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let got = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard got > 0 else { return bytes }
    bytes += buffer[..<got]
  }
}

func directoryEntries(_ path: String) -> [String] {
  guard let stream = opendir(path) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != "." && name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// Files of the repository, which are the first seeds.
enum Repository {
  private static let root = String(#filePath.dropLast("Tests/FuzzParsers/Workspace.swift".count))

  static func bytes(_ path: String) -> [UInt8] {
    let bytes = readFile(root + path)
    precondition(!bytes.isEmpty, "\(root + path): expected a file of the repository, found none")
    return bytes
  }

  static func files(in directory: String, suffix: String) -> [[UInt8]] {
    directoryEntries(root + directory).filter { $0.hasSuffix(suffix) }.map { bytes("\(directory)/\($0)") }
  }
}
