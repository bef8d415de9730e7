#if MPI
  import CMPI

  /// An MPI call that failed, or that was asked for more than MPI can do.
  package enum MPIError: Error, CustomStringConvertible {
    case failed(call: String, reason: String)
    case threadSupport(found: Int32)
    case messageTooLarge(bytes: Int)

    package var description: String {
      switch self {
      case .failed(let call, let reason):
        "MPI: \(call): expected success, found \(reason); the messages of mpirun or the first failed rank say more"
      case .threadSupport(let found):
        "MPI: expected thread support \"serialized\" or better, found level \(found); use an MPI built with threads"
      case .messageTooLarge(let bytes):
        "MPI: expected a message of at most 2147483647 bytes, found \(bytes); use more ranks or a smaller student"
      }
    }

    /// Runs one MPI call and throws what MPI says of its return code.
    static func check(_ call: String, _ code: Int32) throws(MPIError) {
      guard code != MPI_SUCCESS else { return }
      var length: Int32 = 0
      let text = [CChar](unsafeUninitializedCapacity: Int(cmpi_max_error_string())) { buffer, count in
        guard MPI_Error_string(code, buffer.baseAddress, &length) == MPI_SUCCESS else { return }
        count = Int(length)
      }
      let reason = String(decoding: text.map(UInt8.init(bitPattern:)), as: UTF8.self)
      throw .failed(call: call, reason: reason.isEmpty ? "error \(code)" : reason)
    }
  }
#endif
