import Dispatch
import FoundationEssentials
import Glibc

/// Calls `body` with each number from 0, on as many threads, and waits for all.
///
/// Dispatch tries again for ever where there is no room for a thread. So where the address space is limited and has none
/// left, one thread does all the work.
package func concurrently(_ count: Int, _ body: @Sendable (Int) -> Void) {
  guard count > 1, WorkerThreads.haveRoom(for: count) else { return (0..<count).forEach(body) }
  DispatchQueue.concurrentPerform(iterations: count, execute: body)
}

/// Whether threads can be started here.
package enum WorkerThreads {
  private static let addressSpaceIsLimited: Bool = {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 && limit.rlim_cur < 1 << 60
  }()

  fileprivate static func haveRoom(for count: Int) -> Bool {
    guard addressSpaceIsLimited, let left = MemoryLimit.all().first(where: { $0.kind == .addressSpace })?.left else {
      return true
    }
    // Those that wait for work are used again; the one that asks works too.
    return left >= max(0, count - running) * stack
  }

  /// Of this process.
  private static var running: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("Threads:") }
    return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) } ?? 1
  }

  /// What a thread takes of the address space: its stack, and some more.
  private static let stack: Int = {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    var size = 0
    return (pthread_attr_getstacksize(&attributes, &size) == 0 ? size : 8 << 20) + 1 << 20
  }()

  /// Starts as many threads as there are to be besides this one, and ends them.
  ///
  /// - Throws: where a limit leaves no room for all.
  package static func check(_ count: Int) throws(ThreadsUnavailable) {
    var gate = pthread_mutex_t()
    pthread_mutex_init(&gate, nil)
    pthread_mutex_lock(&gate)
    var threads: [pthread_t] = []
    var failure: Int32 = 0
    withUnsafeMutablePointer(to: &gate) { gate in
      while threads.count < count - 1, failure == 0 {
        var thread = pthread_t()
        failure = pthread_create(
          &thread, nil,
          { gate in
            // Held until all have started.
            let gate = gate?.assumingMemoryBound(to: pthread_mutex_t.self)
            pthread_mutex_lock(gate!)
            pthread_mutex_unlock(gate!)
            return nil
          }, gate)
        if failure == 0 { threads.append(thread) }
      }
      pthread_mutex_unlock(gate)
      for thread in threads { pthread_join(thread, nil) }
      pthread_mutex_destroy(gate)
    }
    guard failure == 0 else {
      throw ThreadsUnavailable(wanted: count, found: threads.count + 1, reason: String(cString: strerror(failure)))
    }
  }
}

/// Threads that cannot be started.
package struct ThreadsUnavailable: Error, CustomStringConvertible, Equatable {
  let wanted: Int
  let found: Int
  let reason: String

  package var description: String {
    "expected to start \(wanted) worker threads, found room for \(found): \(reason); give --threads \(found), or raise what "
      + "limits them: ulimit -v, ulimit -u, or a container's limit on processes"
  }
}
