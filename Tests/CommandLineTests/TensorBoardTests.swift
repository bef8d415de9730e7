import Checkpoints
import JSON
import Testing

/// A run's event files hold the points of its log, each once.
@Suite struct TensorBoardFiles {
  @Test func holdEveryPointOfTheLog() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.twoStep)
    try expectSamePoints(run, stages: ["intermediate", "prediction"])
    let table = workspace.text("run/metrics.csv").split(separator: "\r\n").map(String.init)
    #expect(table.count == 1 + run.events("step").count + run.events("validation").count)
    #expect(table[0].hasPrefix("event,stage,step,epoch,loss,AttnMiniLM,ValMiniLM,learning_rate,"))
    #expect(table[1].hasPrefix("step,intermediate,1,1,\(try #require(run.events("step")[0]["loss"]?.double)),"))
  }

  @Test func attentionOfTheBestStudentsIsLogged() throws {
    let run = try TinyWorkspace().train(.twoStep)
    let best = run.events("validation").filter { $0["best"]?.bool == true }
    let logged = run.events("attention")
    #expect(logged.map { $0["step"]?.int } == best.map { $0["step"]?.int })
    #expect(logged.map { $0["stage"]?.string } == best.map { $0["stage"]?.string })
    for event in logged {
      let sentences = try #require(event["sentences"]?.array)
      #expect(sentences.count == 3)
      for sentence in sentences {
        let tokens = try #require(sentence["tokens"]?.array).compactMap(\.string)
        #expect(tokens.first == "[CLS]" && tokens.last == "[SEP]")
        for map in try #require(sentence["maps"]?.array) {
          for model in ["student", "teacher"] {
            let rows = try #require(map[model]?.array).map { $0.array?.compactMap(\.int) ?? [] }
            #expect(rows.count == tokens.count && rows.allSatisfy { $0.count == tokens.count })
            // Each row is a distribution, in thousandths that are rounded.
            #expect(rows.allSatisfy { abs($0.reduce(0, +) - 1000) <= tokens.count })
          }
        }
      }
    }
    // The teacher does not change, and the student does.
    let maps = logged.compactMap { $0["sentences"]?.array?.first?["maps"]?.array?.first }
    #expect(Set(maps.compactMap { $0["teacher"]?.text() }).count == 1)
    #expect(Set(maps.compactMap { $0["student"]?.text() }).count > 1)
  }

  @Test func resumedRunHasNoOrphans() throws {
    let workspace = try Resuming.workspace()
    let arguments = workspace.arguments(set: Resuming.long)
    for step in [60, 330] {
      let job = try workspace.start(ranks: 1, arguments + ["--resume", "auto"])
      try workspace.wait { workspace.loggedSteps >= step }
      // Unlike a signal that saves the state, this loses steps since the last one.
      job.killRank()
      _ = try job.wait()
    }
    let last = try workspace.run(arguments + ["--resume", "auto"])
    #expect(last.status == 0, "\(last)")
    try expectSamePoints(RunRecord("run", in: workspace), stages: ["intermediate", "prediction"])
  }

  @Test func areNotWrittenWhereTheyAreNotWanted() throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.finetune, set: ["run.tensorboard=false", "run.csv=false", "training.epochs=1"])
    #expect(!workspace.exists("run/tensorboard") && !workspace.exists("run/metrics.csv"))
  }

  @Test func whatCannotBeWrittenDoesNotEndTheRun() throws {
    let workspace = try Resuming.workspace()
    let stopped = try Resuming.stop(
      workspace, ranks: 1, after: 20, arguments: workspace.arguments(set: Resuming.long))
    try #require(stopped.status == 75)
    try removeTree("\(workspace.path)/run/tensorboard")
    try workspace.write("in the way", to: "run/tensorboard")
    let resumed = try workspace.run(workspace.arguments(set: Resuming.long) + ["--resume", "auto"])
    #expect(resumed.status == 0 && resumed.output.contains("TensorBoard's files could not be written"), "\(resumed)")
  }

  /// Compares every scalar of the steps and validations with the log, and the number of records.
  private func expectSamePoints(_ run: RunRecord, stages: [String]) throws {
    #expect(try entries(of: "\(run.directory)/tensorboard") == stages)
    for stage in stages {
      let folder = "\(run.directory)/tensorboard/\(stage)"
      let files = try entries(of: folder)
      #expect(files.count == 1)
      let records = try scalars(try #require(bytes(of: "\(folder)/\(files[0])")))
      let events = run.events.filter {
        $0["stage"]?.string == stage
          && ["step", "validation", "gradient_shares", "attention"].contains($0["event"]?.string)
      }.flatMap { event in
        // A picture for each sentence and pair of layers.
        let pictures = event["sentences"]?.array?.reduce(0) { $0 + ($1["maps"]?.array?.count ?? 0) } ?? 1
        return [JSON](repeating: event, count: pictures)
      }
      // Version, session and configuration come first.
      #expect(records.dropFirst(3).map(\.step) == events.map { $0["step"]?.int })
      for (record, event) in zip(records.dropFirst(3), events) where event["event"]?.string != "attention" {
        let names: [(key: String, tag: String)] =
          switch event["event"]?.string {
          case "step": [("loss", "loss/total"), ("learning_rate", "optimizer/learning_rate")]
          case "validation": [("val_loss", "validation/loss"), ("val_accuracy", "validation/accuracy")]
          default: (event.object?.keys ?? []).filter { $0.hasPrefix("gradient_share") }.map { ($0, $0) }
          }
        for (key, tag) in names {
          #expect(record.values[tag] == event[key]?.double.map(Float.init))
        }
      }
    }
  }
}

/// The scalars of an event file, a record each; checksums are another test's business.
private func scalars(_ bytes: [UInt8]) throws -> [(step: Int, values: [String: Float])] {
  var records: [(step: Int, values: [String: Float])] = []
  var offset = 0
  while offset < bytes.count {
    let length = Int(bytes[offset..<offset + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    let data = try #require(offset + 16 + length <= bytes.count ? bytes[(offset + 12)..<(offset + 12 + length)] : nil)
    offset += 16 + length
    var record: (step: Int, values: [String: Float]) = (0, [:])
    for field in fields(data) {
      if field.number == 2 { record.step = field.varint }
      guard field.number == 5 else { continue }
      for value in fields(field.bytes) {
        let parts = fields(value.bytes)
        guard let tag = parts.first(where: { $0.number == 1 }), let number = parts.first(where: { $0.number == 2 })
        else { continue }
        let bits = number.bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        record.values[String(decoding: tag.bytes, as: UTF8.self)] = Float(bitPattern: bits)
      }
    }
    records.append(record)
  }
  return records
}

private func fields(_ data: ArraySlice<UInt8>) -> [(number: Int, varint: Int, bytes: ArraySlice<UInt8>)] {
  var fields: [(number: Int, varint: Int, bytes: ArraySlice<UInt8>)] = []
  var rest = data
  func varint() -> Int {
    var (value, shift) = (0, 0)
    while let byte = rest.popFirst() {
      value |= Int(byte & 0x7f) << shift
      shift += 7
      if byte < 0x80 { break }
    }
    return value
  }
  while !rest.isEmpty {
    let key = varint()
    let value = key & 7 == 0 || key & 7 == 2 ? varint() : 0
    let size = key & 7 == 0 ? 0 : key & 7 == 1 ? 8 : key & 7 == 5 ? 4 : value
    fields.append((key >> 3, value, rest.prefix(size)))
    rest = rest.dropFirst(size)
  }
  return fields
}
