import Text

/// How much a row of each class counts in cross-entropy, as `weight` of PyTorch's `CrossEntropyLoss`.
package enum ClassWeights: Sendable, Equatable {
  /// So that every class counts as much as all others: rows / (classes · rows of the class), as scikit-learn has it.
  case balanced
  /// By class.
  case list([Double])

  /// Of `balanced` none: they are known when the training data is.
  var numbers: [Double]? { if case .list(let weights) = self { weights } else { nil } }

  /// The numbers themselves.
  ///
  /// - Parameters:
  ///   - labels: of the rows that are learned from, negative where a row has none.
  ///   - path: of their file.
  func resolved(_ labels: [Int32], classes: [String], path: String) throws -> ClassWeights {
    guard self == .balanced else { return self }
    var counts = [Int](repeating: 0, count: classes.count)
    for label in labels where label >= 0 { counts[Int(label)] += 1 }
    if let missing = counts.firstIndex(of: 0) {
      throw ModelError(
        "task.classWeights: balanced: expected rows of every class in \(path), found none of "
          + "\(classes[missing].escapedForDisplay); give the weights as a list, or leave the class out of task.labels")
    }
    let rows = Double(counts.reduce(0, +))
    return .list(counts.map { rows / (Double(classes.count) * Double($0)) })
  }
}
