import CMPI
import FoundationEssentials
import Glibc

/// What started this rank, and waits for its host and the others'.
enum Launcher {
  /// Sees to it that `mpirun`, or its daemon on this host, ends with the job.
  ///
  /// Both wait for an answer from every host before they do. From one that is out of reach it never comes, and the
  /// connection to it does not count as dead for a quarter of an hour once something was sent.
  static func endUnlessItEnds() {
    guard let launcher = HostProcess.launcher else { return }
    cmpi_end_later(launcher.id, Int32(seconds(of: "odls_base_sigkill_timeout") ?? 1) * 2 + 2)
  }

  /// How long `mpirun` needs to notice that a host is out of reach, where nothing was sent there meanwhile; `nil` where
  /// that is too long to wait for.
  ///
  /// Once the ranks have told it to end the job, it only waits for the hosts.
  static var noticesAfter: Double? {
    guard let idle = seconds(of: "oob_tcp_keepalive_time"), let interval = seconds(of: "oob_tcp_keepalive_intvl"),
      let probes = seconds(of: "oob_tcp_keepalive_probes")
    else { return nil }
    let needed = Double(idle + interval * probes) + 2
    return needed <= 15 ? needed : nil
  }

  /// A parameter given to `mpirun` or in the environment.
  private static func seconds(of parameter: String) -> Int? {
    ProcessInfo.processInfo.environment["OMPI_MCA_\(parameter)"].flatMap { Int($0) }
      .flatMap { (0...1000).contains($0) ? $0 : nil }
  }
}
