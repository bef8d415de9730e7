import Checkpoints
import Glibc
import JSON
import Kernels

/// Brings one file into the cache, going on where an earlier attempt stopped.
struct FileDownload {
  let file: RemoteFile
  let name: HubName
  let cache: HubCache
  let client: HubClient
  /// Told how many bytes are there, and how many of them this process received.
  let progress: (_ done: Int, _ received: Int) -> Void

  private static let attempts = 6

  /// - Throws: `HubError`, `CheckpointError` where the cache cannot be written.
  func run() throws {
    let lock = try waitForLock()
    defer { withExtendedLifetime(lock) {} }
    let blob = cache.blob(file.etag)
    if size(of: blob) != file.size {
      let partial = try PartialFile("\(blob).incomplete")
      try receive(into: partial)
      try partial.commit(as: blob)
    }
    try cache.link(file.name, of: file.commit, to: file.etag)
  }

  private func waitForLock() throws -> FileLock {
    let path = try cache.lockPath(file.etag)
    var isTold = false
    while true {
      // huggingface_hub's processes honour it too.
      if let lock = try FileLock.attempt(path, removesFile: false) { return lock }
      if !isTold { client.observe(.waiting(file: file.name, holder: FileLockHolder.of(path))) }
      isTold = true
      try client.pause(0.2, subject: file.name)
    }
  }

  /// The size of a regular file, links followed.
  private func size(of path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
  }

  private func receive(into partial: PartialFile) throws {
    if partial.size > file.size { try partial.truncate() }
    var isResumed = partial.size > 0
    var received = 0
    // Of this call: a file that the hub only says to be longer would begin again without end.
    var longest = partial.size
    while true {
      var failures = 0
      var delay = client.settings.firstRetryDelay
      while partial.size < file.size {
        do {
          try receiveRest(into: partial, &received)
        } catch HubError.unreachable(let subject, let problem) {
          // As long as something comes, it goes on.
          if partial.size > longest {
            longest = partial.size
            failures = 0
            delay = client.settings.firstRetryDelay
          }
          failures += 1
          guard failures < Self.attempts else {
            throw HubError.unreachable(
              subject: subject,
              problem: "\(problem); \(partial.size) of \(file.size) bytes of \(file.name) are kept, and fetching again "
                + "goes on from there")
          }
          client.observe(.retrying(file: file.name, problem: problem, seconds: delay))
          try client.pause(delay, subject: file.name)
          delay *= 2
        }
      }
      if let problem = try damage(of: partial) {
        try partial.truncate()
        // What an earlier attempt left may be what is wrong.
        guard isResumed else {
          throw HubError.failed(
            subject: "\(name): \(file.name)",
            problem: "\(problem); it was deleted; fetch again, or ask who runs the hub")
        }
        client.observe(.retrying(file: file.name, problem: problem, seconds: 0))
        isResumed = false
        continue
      }
      return
    }
  }

  /// One request.
  private func receiveRest(into partial: PartialFile, _ total: inout Int) throws {
    let start = partial.size
    var offset: Int?
    // The closure outlives this call only as far as the type system knows.
    let counter = Counter(total)
    defer { total = counter.value }
    let file = self.file
    let progress = self.progress
    let response = try client.download(file, of: name, from: start) { response, bytes in
      if offset == nil {
        offset = try self.offset(of: response, asked: start)
        // The hub, or one between, sends all of it whatever was asked for.
        if offset == 0 && start > 0 { try partial.truncate() }
      }
      guard partial.size + bytes.count <= file.size else {
        try partial.truncate()
        throw HubError.failed(
          subject: "\(name): \(file.name)", problem: "expected \(file.size) bytes, received more; fetch it again")
      }
      try partial.append(bytes)
      counter.value += bytes.count
      progress(partial.size, counter.value)
    }
    if response.status == 416 {
      // The hub has no such rest: what is here is of something else.
      try partial.truncate()
      throw HubError.unreachable(
        subject: name.description,
        problem: "expected \(file.size) bytes of \(file.name), received \(start), and it says to have no more")
    }
    if partial.size < file.size {
      throw HubError.unreachable(
        subject: name.description,
        problem: "expected \(file.size) bytes of \(file.name), received \(partial.size)")
    }
  }

  /// Where an answer's first byte belongs.
  private func offset(of response: HTTPResponse, asked start: Int) throws(HubError) -> Int {
    guard response.status == 206 else { return 0 }
    // bytes FIRST-LAST/SIZE
    let range = response.headers["content-range"] ?? ""
    let fields = range.hasPrefix("bytes ") ? range.dropFirst(6).split(separator: "/") : []
    let ends = fields.first?.split(separator: "-") ?? []
    guard fields.count == 2, ends.count == 2, HTTPResponse.number(ends[0]) == start,
      HTTPResponse.number(fields[1]) == file.size
    else {
      throw .failed(
        subject: "\(name): \(file.name)",
        problem: "expected bytes from \(start) of \(file.size), found Content-Range \(range.quoted); fetch it again")
    }
    return start
  }

  /// What is wrong with the received contents, as far as the tag tells: mirrors' own tags tell nothing.
  private func damage(of partial: PartialFile) throws -> String? {
    let found: String
    if isHexadecimal(file.etag, digits: 64) {
      var stream = SHA256Stream()
      try partial.read { stream.append($0) }
      found = "\(stream.digest())"
    } else if isHexadecimal(file.etag, digits: 40) {
      var hash = GitBlobHash(size: partial.size)
      try partial.read { hash.append($0) }
      found = hash.digest()
    } else {
      return nil
    }
    return found == file.etag ? nil : "expected contents with the hash \(file.etag), received others, \(found)"
  }
}

private final class Counter {
  var value: Int
  init(_ value: Int) { self.value = value }
}

/// The part of a file that has been received.
private final class PartialFile {
  private let path: String
  private let descriptor: Int32
  private(set) var size: Int

  init(_ path: String) throws(CheckpointError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
    size = 0
    guard descriptor >= 0 else { throw CheckpointError(path, "cannot be opened: \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError(path, "expected a regular file or nothing; remove what is there")
    }
    size = Int(status.st_size)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// In place of whatever is behind the bytes so far, so that two processes without locks write the same file.
  func append(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    var done = 0
    while done < bytes.count {
      let written = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(size))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        throw CheckpointError(path, "cannot be written: \(String(cString: strerror(errno))); free some space")
      }
      done += written
      size += written
    }
  }

  func truncate() throws(CheckpointError) {
    guard ftruncate(descriptor, 0) == 0 else {
      throw CheckpointError(path, "cannot be emptied: \(String(cString: strerror(errno)))")
    }
    size = 0
  }

  func read(_ body: (UnsafeRawBufferPointer) -> Void) throws(CheckpointError) {
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    var offset = 0
    while offset < size {
      let count = pread(descriptor, &chunk, min(chunk.count, size - offset), off_t(offset))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw CheckpointError(path, "cannot be read: \(String(cString: strerror(errno)))") }
      chunk.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      offset += count
    }
  }

  /// Makes the bytes durable and gives them their name.
  func commit(as name: String) throws(CheckpointError) {
    guard fsync(descriptor) == 0, rename(path, name) == 0 else {
      throw CheckpointError(name, "cannot be put in place: \(String(cString: strerror(errno)))")
    }
  }
}
