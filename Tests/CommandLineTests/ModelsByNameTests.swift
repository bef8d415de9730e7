import Checkpoints
import Glibc
import JSON
import Testing

/// Models named as on the hub, end to end, against a hub on this machine.
@Suite("models by name") struct ModelsByNameTests {
  private let workspace: TinyWorkspace
  private let server: StartedProgram
  private let variables: [String: String?]

  private static let run = """
    data:
      train: {text: train_text.txt, labels: train_labels.txt}
      validation: {text: val_text.txt, labels: val_labels.txt}
      maxLength: 10
    student: {fromTeacher: {layers: [1]}}
    stages: [{name: distil, epochs: 1, adaptors: [{LogitMSE: {}}]}]
    """

  init() throws {
    workspace = try TinyWorkspace(trainRows: 30, validationRows: 12)
    try createDirectories("\(workspace.path)/hub/models/acme")
    guard rename("\(workspace.path)/teacher", "\(workspace.path)/hub/models/acme/tiny") == 0 else {
      throw ProgramFailure(description: "the model cannot be moved")
    }
    server = try StartedProgram(
      "python3", ["\(BinaryUnderTest.fixtures)/../HubTests/hub_server.py", "hub"], in: workspace.path)
    for _ in 0..<600 where !workspace.exists("hub/ports.json") { usleep(50_000) }
    let port = try JSON.parse(Array(workspace.text("hub/ports.json").utf8))["hub"]?.int ?? 0
    variables = [
      "HF_ENDPOINT": "http://127.0.0.1:\(port)", "HF_HUB_CACHE": "\(workspace.path)/cache", "HF_HUB_OFFLINE": "0",
    ]
  }

  @Test("fetch prints the directory, and every command takes the name") func commands() throws {
    let fetched = try workspace.run(["fetch", "acme/tiny"], variables: variables)
    let path = fetched.output.trimmed
    #expect(
      fetched.status == 0 && path.hasPrefix("\(workspace.path)/cache/models--acme--tiny/snapshots/"), "\(fetched)")
    #expect(fetched.errors.contains("Downloading acme/tiny: 4 files") && !fetched.errors.contains("\u{1B}"))
    let offline = variables.merging(["HF_HUB_OFFLINE": "1"]) { $1 }
    try workspace.write(Self.run, to: "run.yaml")
    for arguments in [
      ["inspect", "MODEL"], ["predict", "--model", "MODEL", "--input", "val_text.txt"],
      ["features", "--model", "MODEL", "--input", "val_text.txt", "--output", "f.safetensors"],
      ["evaluate", "--model", "MODEL", "--data", "val_text.txt", "val_labels.txt"],
      ["tokenize", "--model", "MODEL"],
      ["plan", "--config", "run.yaml", "--set", "run.directory=run", "--set", "teacher.model=MODEL", "--gflops", "10"],
    ] {
      let run = try workspace.run(arguments.map { $0.replacing("MODEL", with: "acme/tiny") }, variables: offline)
      #expect(run.status == 0, "\(run)")
    }
    #expect(
      try workspace.run(["fetch", "../tiny"], variables: variables).errors.contains("expected a name on the hub"))
    let unknown = try workspace.run(["inspect", "acme/none"], variables: variables)
    #expect(
      unknown.status == 1 && unknown.errors.contains("acme/none: does not exist here as a directory"), "\(unknown)")
  }

  @Test("a folder is not fetched, and a path that leads nowhere is told as a path") func foldersAreNotFetched() throws {
    let local = try workspace.run(["fetch", "hub/models/acme/tiny"], variables: variables)
    #expect(local.status == 0 && local.output == "hub/models/acme/tiny\n", "\(local)")
    #expect(local.errors.contains("is a directory here, which is used as it is"), "\(local)")
    for (arguments, offline) in [
      (["fetch", "models/tiny"], "0"), (["inspect", "models/tiny"], "0"), (["inspect", "models/tiny"], "1"),
      (["inspect", "hub/tiny"], "1"),
    ] {
      let name = arguments[1]
      let run = try workspace.run(arguments, variables: variables.merging(["HF_HUB_OFFLINE": offline]) { $1 })
      #expect(
        run.status == 1 && run.errors.contains("\(name): there is no such directory here; check the path")
          && run.errors.contains("distill-ddp fetch tiny downloads"), "\(run)")
      #expect(!run.errors.contains("fetch \(name)"), "\(run)")
    }
  }

  @Test("a run by name is the run by path, on ranks too, and runs again from its own configuration", arguments: [1, 3])
  func training(ranks: Int) throws {
    try workspace.write(Self.run, to: "run.yaml")
    func train(_ arguments: [String]) throws -> ProgramRun {
      ranks == 1
        ? try workspace.run(arguments, variables: variables)
        : try workspace.runOnRanks(ranks, arguments, variables: variables)
    }
    let own = ["--threads", "1", "--set"]
    // Slower than ranks are patient.
    try workspace.write(#"{"model.safetensors": {"on": "cdn", "drip": 2.5, "piece": 16000}}"#, to: "hub/faults.json")
    let patience = ["--set", "run.stuckRank={warnAfter: 3, abortAfter: 7}"]
    let named = try train(
      ["--config", "run.yaml"] + own + ["run.directory=named", "--set", "teacher.model=acme/tiny"] + patience)
    try #require(named.status == 0, "\(named)")
    #expect(workspace.text("named/config.yaml").contains("model: acme/tiny"))
    #expect(workspace.text("named/metrics.jsonl").contains("teacher.model: acme/tiny is commit ddd6b603"))
    let requests = workspace.text("hub/requests.jsonl")
    #expect(requests.occurrences(of: "\"role\": \"cdn\"") == 1, "\(requests)")

    let again = try train(["--config", "named/config.yaml"] + own + ["run.directory=again"])
    #expect(again.status == 0, "\(again)")
    let byPath = try train(
      ["--config", "run.yaml"] + own + ["run.directory=path", "--set", "teacher.model=hub/models/acme/tiny"])
    #expect(byPath.status == 0, "\(byPath)")
    let weights = bytes(of: "\(workspace.path)/named/best/model.safetensors")
    #expect(weights != nil && weights == bytes(of: "\(workspace.path)/again/best/model.safetensors"))
    #expect(weights == bytes(of: "\(workspace.path)/path/best/model.safetensors"))
  }

  @Test("a rank whose host has another cache downloads for itself") func unsharedCaches() throws {
    let wrapper = "own-cache.sh"
    try workspace.write(
      "#!/bin/sh\nexport HF_HUB_CACHE=\(workspace.path)/cache-$OMPI_COMM_WORLD_RANK\nexec \(BinaryUnderTest.path) \"$@\"\n",
      to: wrapper)
    chmod("\(workspace.path)/\(wrapper)", 0o755)
    let run = try workspace.runOnRanks(
      3, ["predict", "--model", "acme/tiny", "--input", "val_text.txt", "--threads", "1"],
      program: "./\(wrapper)", variables: variables)
    #expect(run.status == 0 && run.output.occurrences(of: "\"label\"") == 12, "\(run)")
    for rank in 0..<3 {
      #expect(workspace.text("cache-\(rank)/models--acme--tiny/refs/main").count == 40)
    }
  }

  @Test("a signal during a download stops the run, to be resumed") func signals() throws {
    try workspace.write(Self.run, to: "run.yaml")
    try workspace.write(#"{"model.safetensors": {"on": "cdn", "drip": 1, "piece": 1000}}"#, to: "hub/faults.json")
    let started = try StartedProgram(
      BinaryUnderTest.path,
      ["--config", "run.yaml", "--set", "run.directory=run", "--set", "teacher.model=acme/tiny"], in: workspace.path,
      variables: variables)
    for _ in 0..<600 where !workspace.text("hub/requests.jsonl").contains("cdn") { usleep(50_000) }
    started.signal(SIGTERM)
    let run = try started.wait()
    #expect(run.status == 75, "\(run)")
    try workspace.write("{}", to: "hub/faults.json")
    let resumed = try workspace.run(
      ["--config", "run.yaml", "--set", "run.directory=run", "--set", "teacher.model=acme/tiny", "--resume", "auto"],
      variables: variables)
    #expect(resumed.status == 0, "\(resumed)")
  }
}

extension String {
  fileprivate var trimmed: String { String(prefix { $0 != "\n" }) }
}
