import Collectives
import Testing

@Suite struct LaunchEnvironmentTests {
  @Test(
    "nothing started us, so MPI stays out of it",
    arguments: [
      [:],
      ["HOME": "/root", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_MCA_btl": "self"],
      // An sbatch script or salloc shell: tasks are allocated, none is started.
      ["SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"],
      // An interactive step.
      ["SLURM_JOB_ID": "7", "SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"],
    ])
  func oneProcess(variables: [String: String]) throws {
    let environment = try LaunchEnvironment(variables: variables)
    #expect(environment.launcher == nil)
    #expect(environment.size == nil)
    #expect(environment.rank == 0)
    try environment.checkMeeting(found: nil)
    #expect(environment.mayBeAlone)
  }

  struct Launched: Sendable {
    let variables: [String: String]
    let launcher: LaunchEnvironment.Launcher
    let size: Int?
    let rank: Int
    let implementations: [MPIImplementation]
  }

  @Test(
    arguments: [
      Launched(
        variables: ["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"],
        launcher: .openMPI, size: 1, rank: 0, implementations: [.openMPI]),
      // mpirun in a Slurm job: its daemons are a step of two tasks, one a host.
      Launched(
        variables: [
          "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "5", "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1",
        ],
        launcher: .openMPI, size: 8, rank: 5, implementations: [.openMPI]),
      Launched(
        variables: ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "PMIX_RANK": "3"],
        launcher: .slurm(offersPMI: true), size: 4, rank: 3, implementations: [.openMPI, .mpich]),
      Launched(
        variables: ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "PMI_RANK": "3", "PMI_SIZE": "4"],
        launcher: .slurm(offersPMI: true), size: 4, rank: 3, implementations: [.mpich, .openMPI]),
      Launched(
        variables: ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"],
        launcher: .slurm(offersPMI: false), size: 4, rank: 3, implementations: [.openMPI, .mpich]),
      Launched(
        variables: ["SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "PMIX_RANK": "0"],
        launcher: .pmix, size: 1, rank: 0, implementations: [.openMPI, .mpich]),
      Launched(
        variables: ["PMIX_RANK": "0"], launcher: .pmix, size: nil, rank: 0, implementations: [.openMPI, .mpich]),
      Launched(
        variables: ["PMI_RANK": "1", "PMI_SIZE": "2"],
        launcher: .mpich, size: 2, rank: 1, implementations: [.mpich]),
    ])
  func launcherIsRecognised(launched: Launched) throws {
    let environment = try LaunchEnvironment(variables: launched.variables)
    #expect(environment.launcher == launched.launcher)
    #expect(environment.size == launched.size)
    #expect(environment.rank == launched.rank)
    #expect(environment.implementations == launched.implementations)
    #expect(environment.mayBeAlone == (launched.size == 1))
  }

  @Test(
    arguments: [
      ["OMPI_COMM_WORLD_SIZE": "0"], ["OMPI_COMM_WORLD_SIZE": "two"],
      ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "-1"], ["SLURM_STEP_NUM_TASKS": ""],
      ["PMIX_RANK": "99999999999999999999"],
    ])
  func unreadableNumbersAreRefused(variables: [String: String]) {
    #expect { try LaunchEnvironment(variables: variables) } throws: { error in
      guard case LaunchError.unreadable(let variable, _, let found) = error else { return false }
      return variables[variable] == found && "\(error)".contains(variable)
    }
  }

  @Test func controlCharactersAreEscapedInMessages() {
    #expect { try LaunchEnvironment(variables: ["OMPI_COMM_WORLD_SIZE": "2\u{1B}[31m"]) } throws: { error in
      !"\(error)".contains("\u{1B}") && "\(error)".contains("[31m")
    }
  }

  @Test(
    "several processes that each believe to be alone are refused, with the remedy for their launcher",
    arguments: [
      (["OMPI_COMM_WORLD_SIZE": "4"], "DISTILL_DDP_MPI"),
      (["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "0", "PMIX_RANK": "0"], "srun --mpi=pmix"),
      (["PMI_SIZE": "4", "PMI_RANK": "0"], "does this mpirun belong"),
    ])
  func strangersAreRefused(variables: [String: String], remedy: String) throws {
    let environment = try LaunchEnvironment(variables: variables)
    try environment.checkMeeting(found: nil)
    try environment.checkMeeting(found: 4)
    #expect { try environment.checkMeeting(found: 1) } throws: { error in
      "\(error)".contains(remedy) && "\(error)".contains("4 processes")
    }
    #expect(!environment.mayBeAlone)
  }

  @Test func tasksThatSlurmGivesNoPMIAreRefusedBeforeMPIStarts() throws {
    let environment = try LaunchEnvironment(variables: ["SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"])
    #expect(throws: LaunchError.ranksDoNotMeet(announced: 4, launcher: .slurm(offersPMI: false))) {
      try environment.checkMeeting(found: nil)
    }
  }

  @Test func oneLaunchedProcessMayBeAlone() throws {
    let environment = try LaunchEnvironment(variables: ["OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"])
    try environment.checkMeeting(found: 1)
    #expect(environment.mayBeAlone)
  }
}
