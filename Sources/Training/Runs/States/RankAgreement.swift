import Collectives
import JSON
import Kernels

/// Ranks that would do different work, or whose weights drifted apart.
package enum RankAgreement {
  /// Collective, before the work: refuses ranks whose command, configuration, program, data or models differ.
  ///
  /// - Throws: on rank 0, which names the ranks and what differs; the caller ends the job.
  package static func require(_ identity: @autoclosure () throws -> RunIdentity, among ranks: any Communicator) throws {
    guard ranks.size > 1 else { return }
    let identity = try identity()
    guard let gathered = try ranks.gather(identity.json.bytes(), to: 0) else { return }
    // Difference by difference the ranks that have it, in order.
    var differing: [(what: String, ranks: [Int])] = []
    for (rank, bytes) in gathered.enumerated() {
      guard let other = RunIdentity(json: try JSON.parse(bytes)) else {
        throw ModelError("rank \(rank): expected its hashes, found something else; run the same program on every rank")
      }
      // Each rank has the processor that it has.
      for difference in other.differences(from: identity) where difference.name != RunIdentity.instructions {
        if let index = differing.firstIndex(where: { $0.what == difference.name }) {
          differing[index].ranks.append(rank)
        } else {
          differing.append((difference.name, [rank]))
        }
      }
    }
    guard !differing.isEmpty else { return }
    let lines = differing.map { "\n  \($0.what): \(names(of: $0.ranks)) differ\($0.ranks.count == 1 ? "s" : "")" }
    throw ModelError(
      "ranks: expected the same work on every rank, found differences from rank 0:" + lines.joined()
        + "\nstart every rank with the same program, command, configuration and files")
  }

  /// Collective, at every checkpoint: refuses to go on with weights that differ.
  ///
  /// - Throws: on rank 0.
  static func require(weights: ParameterBuffer, stage: String, step: Int, places: Places) throws {
    guard places.ranks.size > 1 else { return }
    let digest = "\(weights.digest(threads: places.pool.workers))"
    guard let gathered = try places.ranks.gather(Array(digest.utf8), to: 0) else { return }
    let differing = gathered.indices.filter { gathered[$0] != Array(digest.utf8) }
    guard !differing.isEmpty else { return }
    throw ModelError(
      "stage \(stage), step \(step): the weights of \(names(of: differing)) differ from those of rank 0, which no run "
        + "should do; check that rank's memory and processor, and resume from the last state")
  }

  private static func names(of ranks: [Int]) -> String {
    guard ranks.count > 1 else { return "rank \(ranks.first ?? 0)" }
    let shown = ranks.prefix(16).map(String.init).joined(separator: ", ")
    return "ranks \(shown)\(ranks.count > 16 ? " and \(ranks.count - 16) more" : "")"
  }
}
