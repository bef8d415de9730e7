/// What the environment says about who started this process, read before MPI is: MPI's own answers come later, and
/// ``LaunchError`` says where the two disagree.
package struct LaunchEnvironment: Sendable, Equatable {
  /// Programs that start the ranks of a job.
  package enum Launcher: Sendable, Equatable {
    /// Open MPI's `mpirun`.
    case openMPI
    /// A step of several tasks started by Slurm's `srun`; `offersPMI` when it serves the ranks what MPI needs to meet.
    case slurm(offersPMI: Bool)
    /// The `mpirun` of MPICH, or of Intel's library and others that descend from it.
    case mpich
    /// Another launcher that speaks PMIx: `srun --mpi=pmix -n 1`, `prterun`.
    case pmix
  }

  /// `nil` when nothing started us as part of a job: then MPI stays uninitialised.
  package let launcher: Launcher?
  /// The number of processes the launcher says it started, where it says so.
  package let size: Int?
  /// This process's rank as the launcher tells it, only good for deciding who speaks before MPI is up.
  package let rank: Int
  /// Whose library ranks started so can meet in, the likeliest first.
  package let implementations: [MPIImplementation]

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
      implementations = [.openMPI]
      size = announced
      rank = try count("OMPI_COMM_WORLD_RANK", atLeast: 0) ?? 0
    } else if let tasks = try count("SLURM_STEP_NUM_TASKS", atLeast: 1), tasks > 1,
      let process = try count("SLURM_PROCID", atLeast: 0)
    {
      launcher = .slurm(offersPMI: pmiRank != nil)
      // PMI alone is what MPICH meets by; PMIx is Open MPI's.
      implementations = variables["PMIX_RANK"] == nil && pmiRank != nil ? [.mpich, .openMPI] : [.openMPI, .mpich]
      size = tasks
      rank = process
    } else if let pmiRank {
      let speaksPMIx = variables["PMIX_RANK"] != nil
      launcher = speaksPMIx ? .pmix : .mpich
      implementations = speaksPMIx ? [.openMPI, .mpich] : [.mpich]
      size = try count(variables["PMI_SIZE"] == nil ? "SLURM_STEP_NUM_TASKS" : "PMI_SIZE", atLeast: 1)
      rank = pmiRank
    } else {
      launcher = nil
      implementations = [.openMPI, .mpich]
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

  /// Whether this process is the only one of its job, as far as the launcher tells.
  package var mayBeAlone: Bool { launcher == nil || size == 1 }
}

/// Libraries of MPI, by whose they are: a launcher's ranks meet only in its own.
package enum MPIImplementation: Sendable, CaseIterable {
  case openMPI
  case mpich

  package var name: String {
    switch self {
    case .openMPI: "Open MPI"
    case .mpich: "MPICH"
    }
  }
}

/// A launcher and the processes it started do not fit together.
package enum LaunchError: Error, Equatable, CustomStringConvertible {
  case unreadable(variable: String, least: Int, found: String)
  case ranksDoNotMeet(announced: Int, launcher: LaunchEnvironment.Launcher)

  package var description: String {
    switch self {
    case .unreadable(let variable, let least, let found):
      return "environment: \(variable): expected a number from \(least), found \(found.debugDescription); "
        + "start the job with mpirun or srun, or unset the variable to run one process"
    case .ranksDoNotMeet(let announced, let launcher):
      return
        "ranks: expected one job of \(announced) processes, found \(announced) processes that do not see each other; "
        + launcher.remedy
    }
  }
}

extension LaunchEnvironment.Launcher {
  fileprivate var remedy: String {
    switch self {
    case .openMPI, .mpich:
      "does this mpirun belong to the MPI library that was found? Use the one that does, or name mpirun's library in "
        + "DISTILL_DDP_MPI"
    case .slurm:
      "srun --mpi=pmix missing? (srun --mpi=list must show pmix), else use mpirun inside the allocation"
    case .pmix:
      "does the launcher belong to another MPI? Use mpirun, or name the launcher's library in DISTILL_DDP_MPI"
    }
  }
}
