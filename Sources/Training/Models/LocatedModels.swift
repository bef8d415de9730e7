import Collectives
import Dispatch
import Hub
import Synchronization

extension Places {
  /// Collective: finds models by path or name, alike on all ranks.
  ///
  /// Rank 0 says which commit a name is, and downloads first: where hosts share a cache, that was all. Then the first
  /// rank of each host does what its own cache lacks, and last any rank that still does not see it.
  package func locate(_ models: [String], in hub: Hub) throws -> [Hub.Location] {
    try located(models, path: \.self) { model, commit in
      try commit.map { try hub.locate(model, commit: $0) } ?? hub.locate(model, effort: .download)
    }
  }

  /// Collective: what `find` finds of each item, and later on other ranks at the commit that it was found to be.
  func located<Item: Sendable>(
    _ items: [Item], path: (Item) -> String,
    _ find: @escaping @Sendable (Item, _ commit: String?) throws -> Hub.Location
  ) throws -> [Hub.Location] {
    guard ranks.size > 1 else { return try items.map { try find($0, nil) } }
    let first = try inTurn(ranks.rank == 0) { try items.map { try find($0, nil) } }
    var bytes = Array((first ?? []).map { $0.commit ?? "" }.joined(separator: "\n").utf8)
    try ranks.broadcast(&bytes, from: 0)
    let commits = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    let paths = items.map { Hub.Location(path: path($0)) }
    guard commits.contains(where: { !$0.isEmpty }) else { return paths }
    var own = first
    for isTurn in [ranks.rank > 0 && ranks.localRank == 0, ranks.rank > 0 && ranks.localRank > 0] {
      own =
        try inTurn(isTurn) {
          try zip(items, commits).map { try find($0, String($1)) }
        } ?? own
    }
    return own ?? paths
  }

  /// Collective: runs `work` on some ranks while the others hear, again and again, that it goes on, and so do not take
  /// these for stuck.
  ///
  /// - Throws: on a rank whose work fails, its error; on all ranks, that one of them was cancelled.
  private func inTurn<Result: Sendable>(
    _ isTurn: Bool, _ work: @escaping @Sendable () throws -> Result
  ) throws -> Result? {
    let outcome = Outcome<Result>()
    if isTurn { DispatchQueue.global().async { outcome.set(.init(catching: work)) } }
    while true {
      let own = isTurn ? outcome.get(within: 0.5) : nil
      var isCancelled = false
      if case .failure(HubError.cancelled) = own { isCancelled = true }
      var sums = [isTurn && own == nil ? 1.0 : 0, isCancelled ? 1 : 0]
      try ranks.sum(&sums)
      guard sums[0] == 0 else { continue }
      if sums[1] > 0 { throw HubError.cancelled(subject: "the download") }
      return try own?.get()
    }
  }
}

/// What a thread of its own arrives at.
private final class Outcome<Value: Sendable>: Sendable {
  private let result = Mutex<Result<Value, any Error>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)

  func set(_ value: Result<Value, any Error>) {
    result.withLock { $0 = value }
    isDone.signal()
  }

  /// Waits for it so many seconds at most.
  func get(within seconds: Double) -> Result<Value, any Error>? {
    if let value = result.withLock({ $0 }) { return value }
    _ = isDone.wait(timeout: .now() + seconds)
    return result.withLock { $0 }
  }
}

extension RunConfiguration {
  /// The models that a run reads, with the keys that name them.
  var models: [(key: String, model: String)] {
    var models: [(String, String)] = []
    if case .model(let model) = student.source { models.append(("student.model", model)) }
    if let tokenizer = student.tokenizer { models.append(("student.tokenizer", tokenizer)) }
    guard student.isOfTeacher || stages.contains(where: { !$0.adaptors.isEmpty }) else { return models }
    for (index, teacher) in teachers.enumerated() {
      if let model = teacher.model { models.append((teacherKey(index), model)) }
    }
    return models
  }

  /// The teachers in words: their models, or the files of what they say.
  package var teacherName: String {
    teachers.map { $0.predictions.isEmpty ? $0.model ?? "" : $0.predictions.joined(separator: ", ") }
      .joined(separator: " and ")
  }

  /// What names a teacher's model.
  func teacherKey(_ index: Int) -> String { teachers.count == 1 ? "teacher.model" : "teachers.\(index).model" }

  /// The same with directories in place of names, in the order of `models`.
  func reading(_ locations: [Hub.Location]) -> RunConfiguration {
    var configuration = self
    for ((key, _), location) in zip(models, locations) {
      switch key {
      case "student.model": configuration.student.source = .model(location.path)
      case "student.tokenizer": configuration.student.tokenizer = location.path
      default:
        if let index = teachers.indices.first(where: { teacherKey($0) == key }) {
          configuration.teachers[index].model = location.path
        }
      }
    }
    return configuration
  }
}
