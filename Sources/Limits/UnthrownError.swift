import Synchronization

/// What goes wrong in the middle of a computation, where no error can be thrown.
package enum UnthrownError {
  private static let handler = Mutex<(@Sendable (any Error) -> Never)?>(nil)

  /// Has such errors reported by `body`, which ends the process.
  package static func report(by body: @escaping @Sendable (any Error) -> Never) {
    handler.withLock { $0 = body }
  }

  /// Ends the process.
  package static func fail(_ error: any Error) -> Never {
    if let report = handler.withLock({ $0 }) { report(error) }
    fatalError("\(error)")
  }
}
