import Text

extension DatasetSource {
  /// Reads all rows for a run.
  /// - Parameters:
  ///   - labelsKey: what names the classes.
  ///   - areNeeded: whether anything in the run reads the labels.
  func read(_ targets: Targets?, labelsKey: String?, areNeeded: Bool) throws -> Examples {
    try telling(areNeeded) { try read(targets, labelsKey: labelsKey) }
  }

  /// Reads all rows as `read` does, and gives some of them at a time.
  func forEachBlock(
    _ targets: Targets?, labelsKey: String?, areNeeded: Bool, _ body: (Examples) throws -> Void
  ) throws {
    try telling(areNeeded) { try forEachBlock(targets, labelsKey: labelsKey, body) }
  }

  /// Tells where a label is at fault that nobody needs.
  private func telling<Result>(_ areNeeded: Bool, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as DatasetError {
      guard error.isOfLabel, !areNeeded, labelColumn != nil else { throw error }
      throw ModelError("\(error); give labelColumn: null if there are no labels, which nothing here learns from")
    }
  }
}
