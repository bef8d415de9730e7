import Encoders
import Kernels
import Testing

@testable import Training

/// What `task.projection` makes of a student of sentence vectors.
struct ProjectedStudentTests {
  @Test("a student keeps its Dense, gets one, or is told that it has another")
  func students() throws {
    func student(
      _ name: String, _ projection: TaskSettings.Projection?, head: StudentSettings.Head = .newIfMissing,
      ofTeacher: Bool = false, hidden: Int? = nil
    ) throws -> ClassifierModel {
      var settings = StudentSettings(
        source: ofTeacher ? .teacherLayers([1]) : .model("\(DenseVectorTests.root)/\(name)"))
      (settings.head, settings.hidden) = (head, hidden)
      var task = TaskSettings(.embedding)
      task.projection = projection
      return try ClassifierModel(
        student: settings, teacherPath: "\(DenseVectorTests.root)/\(name)", task: task, seed: 3)
    }
    func dense(_ model: ClassifierModel) -> [Float] {
      model.weights.layout.entries.filter { $0.folder != nil }.flatMap { Array(model.weights[$0.slot].values) }
    }
    let own = try student("tanh", nil)
    #expect(own.configuration.vector.dense == .init(width: 5, activation: .tanh) && own.configuration.outputs == 5)
    for (projection, ofTeacher) in [
      (TaskSettings.Projection(width: 5), false), (.init(width: 5, activation: .tanh), true),
    ] {
      let kept = try student("tanh", projection, ofTeacher: ofTeacher)
      #expect(dense(kept) == dense(own) && kept.configuration == own.configuration)
    }
    for projection in [TaskSettings.Projection(width: 7), .init(width: 5, activation: .identity)] {
      let error = #expect(throws: ModelError.self) { try student("tanh", projection) }
      let text = "\(try #require(error))"
      #expect(text.contains("task.projection: expected 5 with activation tanh, as the Dense of"))
      #expect(text.contains("leave out task.projection, or start a new Dense with student.head: new"))
      // What a student takes of its teacher is replaced.
      for new in [try student("tanh", projection, ofTeacher: true), try student("tanh", projection, head: .new)] {
        #expect(new.configuration.vector.dense == .init(width: projection.width))
        #expect(
          new.notices.contains { $0.contains("the Dense of sentence vectors is new (\(projection.width) outputs") })
        #expect(dense(new) != dense(own) && !new.hasTrainedHead)
        for entry in own.weights.layout.entries where entry.folder == nil {
          let slot = try #require(new.weights.layout[entry.key]?.slot)
          #expect(new.weights[slot].values.elementsEqual(own.weights[entry.slot].values), "\(entry.key)")
        }
      }
    }
    let new = try student("tanh", nil, head: .new)
    #expect(new.configuration == own.configuration && dense(new) != dense(own))
    #expect(new.notices.count { $0.contains("the Dense of sentence vectors is new (5 outputs) and") } == 1)
    // A narrower student's map reads fewer dimensions, and gives as many numbers.
    let narrow = try student("tanh", .init(width: 5), ofTeacher: true, hidden: 3)
    #expect(narrow.configuration.hiddenSize == 3 && narrow.configuration.outputs == 5)
    #expect(narrow.weights.layout["2_Dense.linear.weight"]?.shape == [5, 3])
    #expect(dense(narrow).suffix(5) == dense(own).suffix(5) && dense(narrow).allSatisfy(\.isFinite))
    // It reads back in a plan as it is.
    #expect(narrow.configuration.vector == own.configuration.vector)
  }
}
