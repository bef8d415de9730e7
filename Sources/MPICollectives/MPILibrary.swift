import CMPI
import Collectives
import Glibc
import Synchronization

/// The MPI library, opened when it is needed: the one whose launcher started this process.
package enum MPILibrary {
  /// Names the library's file where it is not found, or another is.
  package static let variable = "DISTILL_DDP_MPI"

  private static let isOpen = Mutex(false)

  /// What it calls itself, shortened: `Open MPI v4.1.4`, `MPICH 4.0.2`; `nil` where there is none.
  package static func version(for environment: LaunchEnvironment) throws(MPIError) -> String? {
    try open(for: environment) ? name : nil
  }

  /// Opens the library that ranks started so meet in.
  ///
  /// - Returns: whether there is one; if not, this process is the only one.
  /// - Throws: ``MPIError``, where there are other ranks.
  static func open(for environment: LaunchEnvironment) throws(MPIError) -> Bool {
    do throws(MPIError) {
      try isOpen.withLock { isOpen throws(MPIError) in
        if isOpen { return }
        try find(environment.implementations)
        isOpen = true
      }
    } catch {
      if case .noLibrary = error, environment.mayBeAlone { return false }
      throw error
    }
    return true
  }

  /// Starts and ends MPI in a process that no launcher started, which no other part of the program does.
  package static func startAlone(in environment: LaunchEnvironment) throws {
    guard try open(for: environment) else { return }
    try initialize()
    try MPIError.check("MPI_Finalize", cmpi_finalize())
  }

  /// Gradients are summed on a thread of their own while the others compute; no two threads call MPI at once.
  static func initialize() throws(MPIError) {
    OpenMPIParameters.set()
    var isSerialized = false
    var level: Int32 = 0
    try MPIError.check("MPI_Init_thread", cmpi_init(&isSerialized, &level))
    guard isSerialized else { throw .threadSupport(found: level) }
  }

  /// What a call writes.
  static func text(_ write: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32) -> String {
    var length: Int32 = 0
    let text = [CChar](unsafeUninitializedCapacity: Int(CMPI_TEXT_SIZE)) { buffer, count in
      guard let start = buffer.baseAddress, write(start, &length) == 0 else { return }
      count = min(max(0, Int(length)), buffer.count)
    }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// `Open MPI v4.1.4, package: …`, `MPICH Version:      4.0.2`.
  private static var name: String {
    let line = text { cmpi_version($0, $1) }.split { $0 == "\n" || $0 == "," }.first ?? ""
    return line.split { $0 == " " || $0 == "\t" }.filter { $0 != "Version:" }.joined(separator: " ")
  }

  private static func find(_ implementations: [MPIImplementation]) throws(MPIError) {
    if let chosen = getenv(variable).map({ String(cString: $0) }), !chosen.isEmpty {
      guard let reason = cmpi_open(chosen) else { return }
      throw .chosenLibrary(reason: String(cString: reason).debugDescription)
    }
    var tried: [String] = []
    for implementation in implementations where opens(implementation, &tried) { return }
    let others = MPIImplementation.allCases.filter { !implementations.contains($0) }
    var ignored: [String] = []
    let other = others.first { opens($0, &ignored) }.map { _ in "\(name) (\(String(cString: cmpi_path())))" }
    throw .noLibrary(expected: implementations, tried: tried.joined(separator: ", "), other: other)
  }

  /// The launcher's own library first, which lies beside it where neither is the system's.
  private static func opens(_ implementation: MPIImplementation, _ tried: inout [String]) -> Bool {
    var folders = [""]
    if let prefix = HostProcess.launcher?.prefix { folders = ["\(prefix)/lib/", "\(prefix)/lib64/", ""] }
    for folder in folders {
      for file in implementation.files where folder.isEmpty || access(folder + file, R_OK) == 0 {
        guard cmpi_open(folder + file) == nil else {
          tried.append(folder + file)
          continue
        }
        if name.hasPrefix("Open MPI") == (implementation == .openMPI) { return true }
      }
    }
    return false
  }
}

extension MPIImplementation {
  fileprivate var files: [String] {
    switch self {
    case .openMPI: ["libmpi.so.40", Self.standard]
    // The second as Debian calls it.
    case .mpich: ["libmpi.so.12", "libmpich.so.12", Self.standard]
    }
  }

  /// Whose that is, it says itself.
  private static let standard = "libmpi_abi.so.1"
}
