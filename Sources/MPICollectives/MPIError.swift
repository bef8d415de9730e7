import CMPI
import Collectives

/// An MPI call that failed, or that was asked for more than MPI can do.
package enum MPIError: Error, CustomStringConvertible {
  case failed(call: String, reason: String)
  case threadSupport(found: Int32)
  case messageTooLarge(bytes: Int)
  /// There is no library that ranks started so can meet in; `other` is what is there instead.
  case noLibrary(expected: [MPIImplementation], tried: String, other: String?)
  case chosenLibrary(reason: String)

  package var description: String {
    switch self {
    case .failed(let call, let reason):
      "MPI: \(call): expected success, found \(reason); the messages of mpirun or the first failed rank say more"
    case .threadSupport(let found):
      "MPI: expected thread support \"serialized\" or better, found level \(found); use an MPI built with threads"
    case .messageTooLarge(let bytes):
      "MPI: expected a message of at most 2147483647 bytes, found \(bytes); use more ranks or a smaller student"
    case .noLibrary(let expected, let tried, let other):
      "MPI: expected the library of \(expected.map(\.name).joined(separator: " or ")), whose launcher started this job, "
        + "found " + (other.map { "another's: \($0)" } ?? "none (\(tried))")
        + "; install what mpirun belongs to, load its module, or name the library's file in "
        + MPILibrary.variable
    case .chosenLibrary(let reason):
      "MPI: \(MPILibrary.variable): expected Open MPI's or MPICH's library, found \(reason); "
        + "name the library's file, or unset the variable"
    }
  }

  /// Runs one MPI call and throws what MPI says of its return code.
  static func check(_ call: String, _ code: Int32) throws(MPIError) {
    guard code != 0 else { return }
    let reason = MPILibrary.text { cmpi_explain(code, $0, $1) }
    throw .failed(call: call, reason: reason.isEmpty ? "error \(code)" : reason)
  }
}
