import Distillation
import Encoders
import Foundation
import GoldenFixtures
import JSON
import Limits
import Testing

@testable import Training

@Suite("a run's plan")
struct PlanTests {
  /// Directories with a config.json each, and nothing else.
  private final class Shapes {
    let path = FileManager.default.temporaryDirectory.appending(path: "plan-\(UUID().uuidString)").path

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// - Returns: the directory.
    func add(_ name: String, _ shape: JSON) throws -> String {
      let json: JSON = [
        "model_type": "bert", "vocab_size": 30_522, "hidden_size": shape["hidden"] ?? .null,
        "num_hidden_layers": shape["layers"] ?? .null, "num_attention_heads": shape["heads"] ?? .null,
        "intermediate_size": shape["inner"] ?? .null, "hidden_act": "gelu", "max_position_embeddings": 512,
        "type_vocab_size": 2, "id2label": ["0": "negative", "1": "neutral", "2": "positive"],
        "label2id": ["negative": 0, "neutral": 1, "positive": 2],
      ]
      let directory = "\(path)/\(name)"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      try Data(json.bytes()).write(to: URL(filePath: "\(directory)/config.json"))
      return directory
    }
  }

  private func plan(
    teacher: JSON?, student: JSON, adaptors: [String], stage: String = "", rows: Int = 320, length: Double = 30,
    set overrides: [String] = []
  ) throws -> RunPlan {
    let shapes = Shapes()
    let teacherPath = try teacher.map { try shapes.add("teacher", $0) }
    let studentPath = try shapes.add("student", student)
    let text = """
      run: {directory: none}
      data: {train: {text: none.txt, labels: none.txt}}
      \(teacherPath.map { "teacher: {model: \($0), cache: {path: \(shapes.path)/cache}}" } ?? "")
      student: {model: \(studentPath)}
      training: {batchSize: 32, epochs: 2}
      stages:
        - name: only
          adaptors: [\(adaptors.joined(separator: ", "))]
          \(stage)
      """
    return try RunPlan(
      RunConfiguration(yaml: text, file: "plan.yaml", overrides: overrides),
      assuming: RunPlan.AssumedData(rows: rows, meanLength: length), data: PlannedData(threads: 1))
  }

  private static let student: JSON = ["layers": 4, "hidden": 312, "inner": 1200, "heads": 12]
  private static let teacher: JSON = ["layers": 12, "hidden": 768, "inner": 3072, "heads": 12]

  @Test("necessary operations are those of the benchmark's formulas")
  func operations() throws {
    let cases = try GoldenFixtures.json("../training/work.json").elements
    #expect(cases.count >= 6)
    for json in cases {
      let teacher = json["teacher"].flatMap { $0.isNull ? nil : $0 }
      let plan = try plan(
        teacher: teacher, student: try #require(json["student"]), adaptors: try json["adaptors"].elements.map(\.text),
        stage: "labelWeight: \(try #require(json["label_weight"]?.double))",
        rows: 10 * (try #require(json["sentences"]?.int)), length: try #require(json["length"]?.double))
      let stage = plan.stages[0]
      let work = json["cached"] == true ? stage.laterWork : stage.firstWork
      let name = json["name"]?.string ?? ""
      let linear = work.teacher.linear + work.student.linear
      let attention = work.teacher.attention + work.student.attention
      #expect(abs(linear / (try #require(json["linear"]?.double)) - 1) < 1e-9, "\(name)")
      #expect(abs(attention / (try #require(json["attention"]?.double)) - 1) < 1e-9, "\(name)")
    }
  }

  @Test("parameters are counted as models are built")
  func parameters() throws {
    let plan = try plan(teacher: Self.teacher, student: Self.student, adaptors: ["HidnTinyBERT"])
    // bert-base with a head of three classes, and the student with one.
    #expect(plan.shapes.teacherParameters == 109_484_547)
    #expect(plan.shapes.studentParameters == 14_351_187)
    #expect(plan.stages[0].parameters == 14_351_187 + 768 * 312)
    #expect(plan.checkpointBytes == 4 * 14_351_187)
  }

  @Test("frozen parts are neither summed nor given moments")
  func frozenParts() throws {
    func stage(_ update: String) throws -> StagePlan {
      try plan(teacher: nil, student: Self.student, adaptors: [], stage: "update: \(update)").stages[0]
    }
    let (all, encoder, head) = (try stage("all"), try stage("encoder"), try stage("head"))
    #expect(all.trainedParameters == encoder.trainedParameters + head.trainedParameters)
    #expect(head.wholeValues == 312 * 312 + 312 + 3 * 312 + 3 && head.rowWidth == 0)
    #expect(head.gradientValues < encoder.gradientValues && encoder.gradientValues < all.gradientValues)
    #expect(head.laterWork.operations < all.laterWork.operations / 2)
  }

  @Test("ranks send twice the gradient, but for their own part", arguments: [2, 8, 64])
  func bytes(ranks: Int) throws {
    let stage = try plan(teacher: nil, student: Self.student, adaptors: []).stages[0]
    #expect(stage.bytesSent(ranks: 1) == 0)
    let expected = 8 * stage.gradientValues * Double(ranks - 1) / Double(ranks)
    #expect(abs(stage.bytesSent(ranks: ranks) - expected) < 1)
    // One more rank folds into another, which sends it the whole sum.
    #expect(abs(stage.bytesSent(ranks: ranks + 1) - expected - 4 * stage.gradientValues) < 1)
  }

  @Test("more places take less time, and a slower link never less")
  func time() throws {
    let plan = try plan(teacher: Self.teacher, student: Self.student, adaptors: ["LogitMSE"])
    func seconds(ranks: Int, link: Double) -> Double {
      plan.time(
        JobShape(ranks: ranks, threads: 1, perHost: 1),
        Speeds(frozenProducts: 1e11, trainedProducts: 1e11, link: link)
      ).total
    }
    #expect(seconds(ranks: 4, link: 1e9) < 0.4 * seconds(ranks: 1, link: 1e9))
    #expect(seconds(ranks: 8, link: 1e7) > seconds(ranks: 8, link: 1e10))
    let stage = plan.time(
      JobShape(ranks: 1, threads: 1, perHost: 1), Speeds(frozenProducts: 1e11, trainedProducts: 1e11, link: 1e9)
    ).stages[0]
    // The cache takes the teacher's place.
    #expect(stage.laterEpoch < 0.3 * stage.firstEpoch)
    #expect(stage.firstStep >= plan.stages[0].firstWork.operations / 1e11)
  }

  @Test("what may be ended for want of memory is told before, with what limits it")
  func missingMemory() throws {
    let plan = try plan(teacher: Self.teacher, student: Self.student, adaptors: ["LogitMSE"])
    let memory = plan.memory(ranks: 4, threads: 1)
    let needed = 2 * memory.training + memory.sharedTeacher
    let machine = MemoryLimit(.machine, left: 1 << 40)
    func warning(_ kind: MemoryLimit.Kind, _ left: Int) -> String? {
      memory.warning(ranks: 2, used: 1 << 20, limits: [machine, MemoryLimit(kind, left: left)])
    }
    let more = needed - 2 << 20
    #expect(warning(.controlGroup, more) == nil && memory.warning(ranks: 2, used: 0, limits: []) == nil)
    let text = try #require(warning(.controlGroup, more - 1))
    #expect(text.contains("the control group's memory limit leaves") && text.contains("sbatch --mem"), "\(text)")
    // Those fail when memory is asked for, with an error of their own.
    #expect(warning(.addressSpace, 0) == nil && warning(.data, 0) == nil)
    #expect(try #require(warning(.machine, 0)).contains("this machine leaves 0 MB"))
  }

  @Test("the teacher is in memory once on a host, and each rank's own is not")
  func memory() throws {
    let plan = try plan(teacher: Self.teacher, student: Self.student, adaptors: ["LogitMSE"])
    let one = plan.memory(ranks: 4, threads: 1)
    #expect(one.host(ranks: 4) < 4 * one.host(ranks: 1))
    #expect(one.messages > 0 && plan.memory(ranks: 1, threads: 1).messages == 0)
    #expect(one.moments > 0)
    let plain = try self.plan(
      teacher: Self.teacher, student: Self.student, adaptors: ["LogitMSE"], set: ["training.optimizer.kind=sgd"])
    #expect(plain.memory(ranks: 1, threads: 1).moments == 0)
  }
}

extension JSON {
  /// A string's characters.
  fileprivate var text: String { string ?? "" }
}
