import JSON
import Testing

/// The same run on any number of ranks and threads is the same training.
@Suite struct Ranks {
  /// 103 rows in batches of 10 leave a last one of 3, fewer than the eight places of four ranks with two threads.
  private static let uneven = [
    "training={batchSize: 10, maxSteps: 50, learningRate: 2.0e-3}", "training.validateEverySteps=25",
  ]
  /// Fewer sentences than ranks, each step.
  private static let small = [
    "training={batchSize: 2, maxSteps: 50, learningRate: 2.0e-3}", "training.validateEverySteps=25",
  ]

  @Test(arguments: [
    (uneven, [(1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 1), (4, 2)]), (small, [(3, 1), (4, 2)]),
  ])
  func ranksAndThreadsChangeNothingButRounding(overrides: [String], places: [(ranks: Int, threads: Int)]) throws {
    let workspace = try TinyWorkspace()
    let alone = try workspace.train(.everyAdaptor, set: overrides)
    try #require(alone.losses.count == 50)
    let weights = try alone.weights("last")
    for (ranks, threads) in places {
      let name = "ranks-\(ranks)-threads-\(threads)"
      let run = try workspace.train(
        .everyAdaptor, set: overrides + ["run.directory=\(name)"], ranks: ranks, threads: threads)
      #expect(run.events("run_started")[0]["ranks"]?.int == ranks)
      let deviation = zip(run.losses, alone.losses).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
      #expect(run.losses.count == 50 && deviation < 1e-4, "\(name): loss \(deviation)")
      var difference: Float = 0
      // Adam turns the rounding of the keys' bias, whose gradient is 0, into whole steps that change no output.
      for (key, values) in try run.weights("last") where !key.hasSuffix("key.bias") {
        difference = max(difference, zip(values, weights[key] ?? []).map { abs($0 - $1) }.max() ?? .infinity)
      }
      #expect(difference < 1e-5, "\(name): weights \(difference)")
    }
  }

  @Test(arguments: [(1, 2), (3, 2)])
  func sameRanksGiveTheSameBytes(ranks: Int, threads: Int) throws {
    let workspace = try TinyWorkspace()
    let runs = try ["run.directory=a", "run.directory=b"].map {
      try workspace.train(.everyAdaptor, set: [$0], ranks: ranks, threads: threads)
    }
    #expect(runs[0].weightBytes("last") == runs[1].weightBytes("last"))
    #expect(runs[0].comparableEvents == runs[1].comparableEvents)
  }

  /// 5 and 8 micro-batches on 3 ranks leave some ranks two sums, and on 8 ranks one micro-batch or none.
  @Test(arguments: [
    (8, [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (8, 1), (3, 2)]), (5, [(1, 1), (1, 3), (2, 2), (3, 1), (8, 1)]),
  ])
  func pinnedMicroBatchesGiveTheSameBytesOnAnyNumberOfRanks(
    microBatches: Int, places: [(ranks: Int, threads: Int)]
  ) throws {
    let workspace = try TinyWorkspace()
    let runs = try places.map { ranks, threads in
      try workspace.train(
        .everyAdaptor,
        set: Self.uneven + ["training.microBatches=\(microBatches)", "run.directory=\(ranks)-\(threads)"],
        ranks: ranks, threads: threads)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
  }

  /// 103 labelled rows and 61 without, of which a batch of 10 has a few or, at a share of 4 %, mostly none.
  @Test(arguments: ["concatenate", "{labelled: 0.04}"])
  func textsWithoutLabelsGiveTheSameBytesOnAnyNumberOfRanks(mix: String) throws {
    let workspace = try TinyWorkspace()
    let sentences = TinyWorkspace.sentences(61, seed: 3)
    try workspace.write(sentences.map { $0.text + "\n" }.joined(), to: "texts.txt")
    let runs = try (1...4).map { ranks in
      try workspace.train(
        .everyAdaptor,
        set: Self.uneven + [
          "training.microBatches=8", "run.directory=on-\(ranks)", "data.unlabelled=[{text: texts.txt}]",
          "data.mix=\(mix)",
        ], ranks: ranks, threads: ranks == 1 ? 2 : 1)
    }
    let hard = runs[0].events("step").map { $0["hard"]?.double ?? .nan }
    #expect(hard.count == 50 && hard.allSatisfy { $0 >= 0 } && hard.contains { $0 > 0 })
    #expect(hard.contains(0) == (mix == "{labelled: 0.04}"))
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
  }

  @Test func gradientsInHalfTheBytesGiveNearlyTheSameRun() throws {
    let workspace = try TinyWorkspace()
    let runs = try ["float32", "bfloat16"].map {
      try workspace.train(.mixStep, set: ["training.wirePrecision=\($0)", "run.directory=\($0)"], ranks: 2)
    }
    #expect(runs[0].losses != runs[1].losses)
    let deviation = zip(runs[0].losses, runs[1].losses).map { abs($0 - $1) / abs($0) }.max() ?? .infinity
    #expect(deviation < 0.05, "loss \(deviation)")
  }

  @Test func gradientsThatMPIAddsGiveNearlyTheSameRun() throws {
    let workspace = try TinyWorkspace()
    let alone = try workspace.train(.mixStep, set: ["run.directory=alone"])
    for ranks in [2, 3] {
      let run = try workspace.train(
        .mixStep, set: ["training.gradientSum=mpi", "run.directory=mpi\(ranks)"], ranks: ranks)
      let deviation = zip(run.losses, alone.losses).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
      #expect(run.losses.count == alone.losses.count && deviation < 1e-3, "\(ranks) ranks: loss \(deviation)")
    }
  }

  @Test func twoStepsOnTwoRanksAreThoseOnOne() throws {
    let workspace = try TinyWorkspace()
    let alone = try workspace.train(.twoStep)
    let run = try workspace.train(.twoStep, set: ["run.directory=two"], ranks: 2)
    let deviation = zip(run.losses, alone.losses).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
    #expect(run.losses.count == 66 && deviation < 1e-4)
    #expect(
      run.checkpoint("best", stage: "prediction")?.prefix(11)
        == alone.checkpoint("best", stage: "prediction")?.prefix(11))
  }

  @Test func validationIsTheSameToTheLastBit() throws {
    let workspace = try TinyWorkspace()
    // Steps too small to move a weight.
    let still = ["training={batchSize: 10, epochs: 1, learningRate: 1.0e-30, optimizer: {kind: sgd}}"]
    let alone = try workspace.train(.everyAdaptor, set: still)
    let metrics = alone.comparableEvents.filter { $0["event"] == "validation" }
    try #require(metrics.count == 1)
    for (ranks, threads) in [(1, 2), (2, 1), (3, 2), (4, 1)] {
      let name = "ranks-\(ranks)-threads-\(threads)"
      let run = try workspace.train(
        .everyAdaptor, set: still + ["run.directory=\(name)"], ranks: ranks, threads: threads)
      #expect(run.comparableEvents.filter { $0["event"] == "validation" } == metrics, "\(name)")
    }
  }

  @Test func evaluateFindsTheMetricsOfTheRunOnAnyNumberOfRanks() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.mixStep)
    let best = try #require(run.summary["stages"]?.array?[0]["best"])
    let arguments = [
      "evaluate", "--model", "run/best", "--data", "val_text.txt", "val_labels.txt", "--max-length", "16", "--json",
      "--threads",
    ]
    for (ranks, threads) in [(1, 1), (1, 2), (2, 1), (3, 2)] {
      let result =
        try ranks == 1
        ? workspace.run(arguments + ["\(threads)"]) : workspace.runOnRanks(ranks, arguments + ["\(threads)"])
      try #require(result.status == 0, "\(result)")
      let json = try JSON.parse(Array(result.output.utf8))
      for (key, metric) in [
        ("loss", "val_loss"), ("accuracy", "val_accuracy"), ("macro_f1", "val_macro_f1"),
        ("macro_recall", "val_macro_recall"), ("matthews", "val_matthews"), ("auroc", "val_auroc"),
      ] {
        #expect(json[key]?.double == best[metric]?.double, "\(key) on \(ranks) ranks, \(threads) threads")
      }
      #expect(json["rows"]?.int == 37)
    }
  }
}
