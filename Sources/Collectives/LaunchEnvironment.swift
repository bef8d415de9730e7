/// What the environment says about who started this process, read before MPI is: MPI's own answers come later, and
/// ``LaunchError`` says where the two disagree.
package struct LaunchEnvironment: Sendable, Equatable {
  /// Programs that start the ranks of a job.
  package enum Launcher: Sendable, Equatable {
    /// Open MPI's `mpirun`.
    case openMPI
    /// A step of several tasks started by Slurm's `srun`; `offersPMI` when it serves the ranks what MPI needs to meet.
    case slurm(offersPMI: Bool)
    /// Another launcher that speaks PMI or PMIx: `srun --mpi=pmix -n 1`, `prterun`, another MPI's `mpirun`.
    case pmi
  }

  /// `nil` when nothing started us as part of a job: then MPI stays uninitialised.
  package let launcher: Launcher?
  /// The number of processes the launcher says it started, where it says so.
  package let size: Int?
  /// This process's rank as the launcher tells it, only good for deciding who speaks before MPI is up.
  package let rank: Int

  /// - Parameter variables: the process's environment.
  ///
  /// `SLURM_NTASKS` is not looked at: it is set in every `sbatch` script and `salloc` shell, where nothing was launched.
  /// `mpirun` inside Slurm starts its daemons with `srun`, so that Open MPI's variables come before Slurm's.
  package init(variables: [String: String]) throws(LaunchError) {
    func count(_ name: String, atLeast least: Int) throws(LaunchError) -> Int? {
      guard let text = variables[name] else { return nil }
      guard let number = Int(text), number >= least else {
        throw .unreadable(variable: name, least: least, found: text)
      }
      return number
    }

    let pmiRank = try count(variables["PMIX_RANK"] == nil ? "PMI_RANK" : "PMIX_RANK", atLeast: 0)
    if let announced = try count("OMPI_COMM_WORLD_SIZE", atLeast: 1) {
      launcher = .openMPI
      size = announced
      rank = try count("OMPI_COMM_WORLD_RANK", atLeast: 0) ?? 0
    } else if let tasks = try count("SLURM_STEP_NUM_TASKS", atLeast: 1), tasks > 1,
      let process = try count("SLURM_PROCID", atLeast: 0)
    {
      launcher = .slurm(offersPMI: pmiRank != nil)
      size = tasks
      rank = process
    } else if let pmiRank {
      launcher = .pmi
      size = try count("PMI_SIZE", atLeast: 1)
      rank = pmiRank
    } else {
      launcher = nil
      size = nil
      rank = 0
    }
  }

  /// Refuses a job whose ranks cannot meet: each would believe it is the only one and do, and write, everything.
  /// - Parameter found: the size MPI reports, or `nil` before MPI is initialised.
  package func checkMeeting(found: Int?) throws(LaunchError) {
    guard let launcher, let size, size > 1 else { return }
    if found == 1 || (found == nil && launcher == .slurm(offersPMI: false)) {
      throw .ranksDoNotMeet(announced: size, launcher: launcher)
    }
  }

  /// Refuses a job of several ranks in a binary built without MPI.
  package func checkRunsAlone() throws(LaunchError) {
    if let size, size > 1 { throw .builtWithoutMPI(announced: size) }
  }
}

/// A launcher and the processes it started do not fit together.
package enum LaunchError: Error, Equatable, CustomStringConvertible {
  case unreadable(variable: String, least: Int, found: String)
  case ranksDoNotMeet(announced: Int, launcher: LaunchEnvironment.Launcher)
  case builtWithoutMPI(announced: Int)

  package var description: String {
    switch self {
    case .unreadable(let variable, let least, let found):
      return "environment: \(variable): expected a number from \(least), found \(found.debugDescription); "
        + "start the job with mpirun or srun, or unset the variable to run one process"
    case .ranksDoNotMeet(let announced, let launcher):
      return
        "ranks: expected one job of \(announced) processes, found \(announced) processes that do not see each other; "
        + launcher.remedy
    case .builtWithoutMPI(let announced):
      return "ranks: expected one process, found a job of \(announced), and this distill-ddp was built without MPI; "
        + "build it with: swift build -c release"
    }
  }
}

extension LaunchEnvironment.Launcher {
  fileprivate var remedy: String {
    switch self {
    case .openMPI:
      "use the mpirun of the MPI library distill-ddp is linked to (ldd distill-ddp shows which)"
    case .slurm:
      "srun --mpi=pmix missing? (srun --mpi=list must show pmix), else use mpirun inside the allocation"
    case .pmi:
      "is this another MPI's mpirun? Use Open MPI's mpirun, or srun --mpi=pmix"
    }
  }
}
