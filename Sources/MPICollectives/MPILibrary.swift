#if MPI
  import CMPI
  import Glibc
#endif

/// The MPI library this program is linked to.
package enum MPILibrary {
  /// What it calls itself, up to a comma: `Open MPI v4.1.4`; `nil` in a program built without MPI.
  package static var version: String? {
    #if MPI
      var length: Int32 = 0
      let bytes = [CChar](unsafeUninitializedCapacity: Int(cmpi_max_library_version_string())) { buffer, count in
        guard MPI_Get_library_version(buffer.baseAddress, &length) == MPI_SUCCESS else { return }
        count = Int(length)
      }
      let text = String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self)
      return text.split { $0 == "\n" || $0 == "\0" || $0 == "," }.first.map(String.init) ?? ""
    #else
      return nil
    #endif
  }

  /// Starts and ends MPI in a process that no launcher started, which no other part of the program does.
  package static func startAlone() throws {
    #if MPI
      OpenMPIParameters.set()
      var provided: Int32 = 0
      try MPIError.check("MPI_Init_thread", MPI_Init_thread(nil, nil, Int32(MPI_THREAD_SERIALIZED), &provided))
      guard provided >= Int32(MPI_THREAD_SERIALIZED) else { throw MPIError.threadSupport(found: provided) }
      try MPIError.check("MPI_Finalize", MPI_Finalize())
    #endif
  }
}
