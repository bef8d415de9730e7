import Distillation
import Kernels
import Text

/// How much each term of the objective counts, measured on the side.
extension StageRun {
  /// Tokens of the micro-batch that is measured.
  private static let measuredTokens = 512

  /// On rank 0: measures, logs, and says once of each term that it teaches next to nothing.
  func recordShares(step: Int) throws {
    guard places.ranks.rank == 0,
      let shares = gradientStep.shares(
        stage: settings.name, step: step, samples: measuredSamples, data: rows, teacher: teachers.measured,
        updated: updated, norm: { optimizer.globalNorm($0, rows: $1, pool: places.pool) })
    else { return }
    try session.journal.record(.gradientShares(shares))
    for term in shares.terms where term.isSilent && silentTerms.insert(term.name).inserted {
      session.journal.announce(.notice(shares.warning(of: term, objective)))
    }
  }

  /// The first rows of the stage's first batch, which no number of ranks changes.
  func firstSamples() -> [Int] {
    var samples: [Int] = []
    var tokens = 0
    for sample in sampler.batches(epoch: 0, batchSize: settings.training.batchSize).first ?? [] {
      tokens += rows.length(sample)
      guard samples.isEmpty || tokens <= Self.measuredTokens else { break }
      samples.append(sample)
    }
    return samples
  }
}

extension GradientShares {
  fileprivate func warning(of term: Term, _ objective: StageObjective) -> String {
    let share = (term.parameters * 1000).rounded() / 10
    let name = term.name == "hard" ? "the labels have" : "\(term.name) has"
    let key = term.name == "hard" ? "labelWeight" : "weight"
    let places = term.suggestedWeight >= 10 ? 1.0 : 100.0
    let weight = (term.suggestedWeight * places).rounded() / places
    return
      "stage \(stage): \(name) little to say: \(share) % of the gradient at step \(step), with \(key) \(term.weight); "
      + "raise it, to \(weight) for a tenth, or remove the term"
  }
}
