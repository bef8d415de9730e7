import Glibc

/// The programs these tests start.
enum BinaryUnderTest {
  /// `distill-ddp`, which the build puts beside the program that runs these tests.
  static let path: String = {
    let own = siblings(of: target(ofLink: "/proc/self/exe") ?? "")
    // Some versions of SwiftPM run tests in a program of the toolchain, which is told where the tests are.
    let candidates = own + CommandLine.arguments.filter { $0.hasPrefix("/") }.flatMap(siblings)
    return candidates.first { access($0, X_OK) == 0 } ?? own[0]
  }()

  /// Open MPI's `mpirun`, searched for as a shell would; where it is missing, starting it fails the test.
  static let mpirun: String = {
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin"
    return folders.split(separator: ":").map { "\($0)/mpirun" }.first { access($0, X_OK) == 0 } ?? "mpirun"
  }()

  /// The repository's fixtures.
  static let fixtures = "\(folder(folder(#filePath)))/Fixtures"

  private static func siblings(of path: String) -> [String] {
    [folder(path), folder(folder(path)), folder(folder(folder(path)))].map { "\($0)/distill-ddp" }
  }

  private static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }
}
