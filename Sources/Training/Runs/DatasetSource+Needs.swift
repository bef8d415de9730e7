import Text

extension DatasetSource {
  /// Reads all rows for a run.
  /// - Parameters:
  ///   - labelsKey: what names the classes.
  ///   - areNeeded: whether anything in the run reads the labels.
  func read(_ targets: Targets?, labelsKey: String?, areNeeded: Bool) throws -> Examples {
    do throws(DatasetError) {
      return try read(targets, labelsKey: labelsKey)
    } catch {
      guard error.isOfLabel, !areNeeded, labelColumn != nil else { throw error }
      throw ModelError("\(error); give labelColumn: null if there are no labels, which nothing here learns from")
    }
  }
}
