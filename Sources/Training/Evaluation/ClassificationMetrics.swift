import Glibc

/// How well predicted classes match the labels, as scikit-learn computes it.
package struct ClassificationMetrics: Sendable, Equatable {
  /// Rows by true class, then by predicted class.
  package let confusion: [[Int]]

  package init(labels: some Collection<Int>, predictions: some Collection<Int>, classes: Int) {
    precondition(labels.count == predictions.count)
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    for (label, prediction) in zip(labels, predictions) { confusion[label][prediction] += 1 }
    self.confusion = confusion
  }

  private var total: Int { confusion.reduce(0) { $0 + $1.reduce(0, +) } }
  private func actual(_ label: Int) -> Int { confusion[label].reduce(0, +) }
  private func predicted(_ label: Int) -> Int { confusion.reduce(0) { $0 + $1[label] } }

  /// Classes that occur in the labels or the predictions: what macro averages range over.
  private var seen: [Int] { confusion.indices.filter { actual($0) + predicted($0) > 0 } }

  /// Of one class: how many rows are of it, how many of those that are taken for it are, and how many of its rows are
  /// found.
  package func figures(ofClass label: Int) -> (rows: Int, precision: Double, recall: Double, f1: Double) {
    let right = Double(confusion[label][label])
    let (actual, predicted) = (actual(label), predicted(label))
    return (
      actual, ratio(right, Double(predicted)), ratio(right, Double(actual)),
      ratio(2 * right, Double(actual + predicted))
    )
  }

  package var accuracy: Double {
    ratio(Double(confusion.indices.reduce(0) { $0 + confusion[$1][$1] }), Double(total))
  }

  package var macroF1: Double {
    mean(seen.map { ratio(2 * Double(confusion[$0][$0]), Double(actual($0) + predicted($0))) })
  }

  /// Averaged over the classes that occur; 0 for one that is only ever predicted.
  package var macroRecall: Double {
    mean(seen.map { ratio(Double(confusion[$0][$0]), Double(actual($0))) })
  }

  /// Matthews' correlation for any number of classes (Gorodkin, 2004); 0 where one side has a single class.
  package var matthews: Double {
    let samples = Double(total)
    let correct = Double(confusion.indices.reduce(0) { $0 + confusion[$1][$1] })
    let actuals = confusion.indices.map { Double(actual($0)) }
    let predictions = confusion.indices.map { Double(predicted($0)) }
    let cross = zip(actuals, predictions).reduce(0) { $0 + $1.0 * $1.1 }
    let spread =
      (samples * samples - predictions.reduce(0) { $0 + $1 * $1 })
      * (samples * samples - actuals.reduce(0) { $0 + $1 * $1 })
    return ratio(correct * samples - cross, spread.squareRoot())
  }

  private func ratio(_ a: Double, _ b: Double) -> Double { b == 0 ? 0 : a / b }
  private func mean(_ values: [Double]) -> Double { ratio(values.reduce(0, +), Double(values.count)) }
}
