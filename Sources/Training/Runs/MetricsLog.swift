import Checkpoints
import Glibc
import JSON

/// `metrics.jsonl`: one event a line, each written whole in one call, so that a crash loses at most the last.
final class MetricsLog {
  private let descriptor: Int32
  private let path: String
  /// The bytes of whole lines.
  private(set) var length: Int

  /// - Parameter length: where to go on: what lies behind is of steps that are taken again. `nil` keeps all there is.
  /// - Throws: where the file cannot be written.
  init(path: String, from length: Int? = nil) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ModelError("\(path): cannot be opened: \(String(cString: strerror(errno)))") }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw ModelError("\(path): cannot be examined: \(String(cString: strerror(errno)))")
    }
    self.length = Int(status.st_size)
    if let length, length < self.length {
      guard ftruncate(descriptor, off_t(length)) == 0 else {
        throw ModelError("\(path): cannot be truncated to \(length) bytes: \(String(cString: strerror(errno)))")
      }
      self.length = length
    }
  }

  deinit { close(descriptor) }

  /// - Returns: the event as it was written, with its time.
  func append(_ event: TrainingEvent) throws -> JSON {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let object = event.line(time: time)
    let line = object.bytes() + [UInt8(ascii: "\n")]
    let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard written == line.count else {
      let reason = written < 0 ? String(cString: strerror(errno)) : "the disk took \(written) of \(line.count) bytes"
      // Half a line would spoil the file for whoever reads it.
      if written > 0 { ftruncate(descriptor, off_t(length)) }
      throw ModelError("\(path): could not be written: \(reason)")
    }
    length += line.count
    // A validation is worth a flush: what came before it is then safe from a power failure too.
    switch event {
    case .validated, .tested: flush()
    default: break
    }
    return object
  }

  /// Makes the lines durable.
  func flush() { fsync(descriptor) }
}

extension TrainingEvent {
  /// The event with when it was, to the millisecond: a line of `metrics.jsonl`.
  package func line(time: timespec) -> JSON {
    var object = json.object ?? JSONObject()
    object["time"] = .number(Double(time.tv_sec) + Double(time.tv_nsec / 1_000_000) / 1000)
    return .object(object)
  }
}

/// Where the events of a run go: on rank 0 to the log and the observer, elsewhere nowhere.
final class RunJournal {
  /// Rank 0's, from when its directory is there.
  var log: MetricsLog?
  /// Rank 0's, made from the log.
  var exports: LogExports?
  private let observe: ((TrainingEvent) -> Void)?

  /// - Parameter observe: on rank 0.
  init(observe: ((TrainingEvent) -> Void)?) { self.observe = observe }

  /// Logs and shows what belongs to the run, interrupted or not.
  func record(_ event: TrainingEvent) throws {
    if let line = try log?.append(event) { exports?.add(line) }
    observe?(event)
  }

  /// Shows what belongs to this process only, so that the log of an interrupted run is that of any other.
  func announce(_ event: TrainingEvent) { observe?(event) }
}
