import Checkpoints
import Glibc
import JSON
import Testing

/// Data sets named as on the hub, end to end, against a hub on this machine.
@Suite struct DatasetsByNameTests {
  private let workspace: TinyWorkspace
  private let server: StartedProgram
  private let variables: [String: String?]

  private static let readme = """
    ---
    configs:
    - config_name: mood
      data_files:
      - split: train
        path: mood/train-*
      - split: validation
        path: mood/validation-*
    - config_name: lines
      data_files: lines.jsonl
    dataset_info:
    - config_name: mood
      features:
      - name: label
        dtype:
          class_label:
            names:
              '0': sad
              '1': so so
              '2': happy
    - config_name: lines
      features:
      - name: label
        dtype:
          class_label:
            names:
              '0': happy
              '1': so so
              '2': sad
    ---
    # Moods
    """

  init() throws {
    workspace = try TinyWorkspace(trainRows: 30, validationRows: 12)
    let folder = "hub/models/datasets/acme/moods"
    try createDirectories("\(workspace.path)/\(folder)/mood")
    let parquet = bytes(of: "\(BinaryUnderTest.fixtures)/../ColumnarTests/Fixtures/classes.parquet") ?? []
    for name in ["train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"] {
      try workspace.write(parquet, to: "\(folder)/mood/\(name).parquet")
    }
    try workspace.write(Self.readme, to: "\(folder)/README.md")
    try workspace.write(
      "{\"text\": \"a b\", \"label\": 0}\n{\"text\": \"c\", \"label\": 2}\n", to: "\(folder)/lines.jsonl")
    try workspace.write(parquet, to: "local.parquet")
    server = try StartedProgram(
      "python3", ["\(BinaryUnderTest.fixtures)/../HubTests/hub_server.py", "hub"], in: workspace.path)
    for _ in 0..<600 where !workspace.exists("hub/ports.json") { usleep(50_000) }
    let port = try JSON.parse(Array(workspace.text("hub/ports.json").utf8))["hub"]?.int ?? 0
    variables = [
      "HF_ENDPOINT": "http://127.0.0.1:\(port)", "HF_HUB_CACHE": "\(workspace.path)/cache", "HF_HUB_OFFLINE": "0",
    ]
  }

  private static func configuration(_ train: String, _ validation: String, _ test: String, in directory: String)
    -> String
  {
    """
    run: {directory: \(directory)}
    data: {train: \(train), validation: \(validation), test: \(test), maxLength: 10}
    task: {labels: [sad, so so, happy]}
    student: {model: student, head: new}
    training: {batchSize: 2, epochs: 2, microBatches: 2}
    stages: [{name: tune}]
    """
  }

  @Test func runsOnRanksReadWhatTheHubHas() throws {
    try workspace.write(
      Self.configuration(
        "{hub: acme/moods, config: mood}", "{hub: acme/moods, config: mood}",
        "{hub: acme/moods, config: lines, split: train}",
        in: "run"), to: "hub.yaml")
    try workspace.write("{\"text\": \"a b\", \"label\": 2}\n{\"text\": \"c\", \"label\": 0}\n", to: "local.jsonl")
    try workspace.write(
      Self.configuration(
        "{parquet: [local.parquet, local.parquet]}", "{parquet: local.parquet}", "{jsonl: local.jsonl}", in: "local"),
      to: "local.yaml")
    let local = try workspace.run(["--config", "local.yaml"])
    #expect(local.status == 0, "\(local)")
    let offline = variables.merging(["HF_HUB_OFFLINE": "1"]) { $1 }
    let early = try workspace.run(["--config", "hub.yaml"], variables: offline)
    #expect(
      early.status == 1 && early.errors.contains("has no such data set")
        && early.errors.contains("distill-ddp fetch --dataset acme/moods"), "\(early)")
    let run = try workspace.runOnRanks(2, ["--config", "hub.yaml"], variables: variables)
    #expect(run.status == 0 && run.output.split(separator: "data: acme/moods is commit ").count == 2, "\(run)")
    let (own, expected) = try (RunRecord("run", in: workspace), RunRecord("local", in: workspace))
    #expect(own.losses == expected.losses && own.weightBytes() == expected.weightBytes())
    #expect(own.summary["test"]?["test_accuracy"] == expected.summary["test"]?["test_accuracy"])
    #expect(
      workspace.text("run/config.yaml").contains("hub: acme/moods")
        && !workspace.text("run/config.yaml").contains("snapshots"))
    let again = try workspace.run(["--config", "hub.yaml", "--set", "run.overwrite=true"], variables: offline)
    #expect(again.status == 0, "\(again)")
    #expect(
      try workspace.run(["validate", "--config", "hub.yaml", "--set", "run.directory=x"], variables: offline).status
        == 0)
    #expect(try workspace.run(["report", "run", "--output", "run.html"], variables: offline).status == 0)
    let plans = try ["hub.yaml", "local.yaml"].map {
      try workspace.run(["plan", "--config", $0, "--ranks", "1", "--gflops", "10"], variables: offline)
    }
    #expect(plans.allSatisfy { $0.status == 0 } && plans[0].output == plans[1].output, "\(plans)")
  }

  @Test func fetchPrintsTheFilesAndNamesWhatIsMissing() throws {
    let fetched = try workspace.run(["fetch", "--dataset", "acme/moods", "--config", "mood"], variables: variables)
    let paths = fetched.output.split(separator: "\n").map(String.init)
    #expect(
      fetched.status == 0 && paths.count == 3
        && paths.allSatisfy {
          $0.hasPrefix("\(workspace.path)/cache/datasets--acme--moods/snapshots/") && access($0, R_OK) == 0
        },
      "\(fetched)")
    func failure(_ arguments: [String]) throws -> String {
      let run = try workspace.run(["fetch", "--dataset"] + arguments, variables: variables)
      return run.status == 1 ? run.errors : "\(run)"
    }
    #expect(try failure(["acme/moods"]).contains("acme/moods: has several configs; give config, one of mood, lines"))
    #expect(try failure(["acme/moods", "--config", "x"]).contains("expected the config \"x\", found mood, lines"))
    #expect(
      try failure(["acme/moods", "--config", "mood", "--split", "all"]).contains(
        "expected the split \"all\", found train, validation"))
    #expect(try failure(["acme/none"]).contains("there is no such data set that everybody may read"))
    #expect(
      try workspace.run(["fetch", "acme/moods", "--split", "train"], variables: variables).errors.contains(
        "give --dataset"))
  }
}
