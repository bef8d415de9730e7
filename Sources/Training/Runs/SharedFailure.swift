import Collectives

/// A failure that every rank of a job finds at the same point, so that all of them may go on to something else together.
package struct SharedFailure: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

extension Communicator {
  /// Collective: does something on every rank; where it fails on one of several, it fails on all.
  func together<Result>(_ body: () throws -> Result) throws -> Result {
    guard size > 1 else { return try body() }
    let outcome = Swift.Result { try body() }
    var message: [UInt8] = []
    var failures = [Double](repeating: 0, count: size)
    if case .failure(let error) = outcome {
      message = Array("\(error)".utf8)
      failures[rank] = 1
    }
    try sum(&failures)
    guard let first = failures.firstIndex(of: 1) else { return try outcome.get() }
    try broadcast(&message, from: first)
    let text = String(decoding: message, as: UTF8.self)
    throw SharedFailure(first == 0 ? text : "rank \(first): \(text)")
  }
}
