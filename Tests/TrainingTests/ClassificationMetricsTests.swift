import Testing
import Training

/// Metrics against fractions worked out by hand from the definitions; scikit-learn gives the same.
struct ClassificationMetricsTests {
  private func expect(
    _ metrics: ClassificationMetrics, accuracy: Double, macroF1: Double, macroRecall: Double, matthews: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(abs(metrics.accuracy - accuracy) < 1e-15, sourceLocation: sourceLocation)
    #expect(abs(metrics.macroF1 - macroF1) < 1e-15, sourceLocation: sourceLocation)
    #expect(abs(metrics.macroRecall - macroRecall) < 1e-15, sourceLocation: sourceLocation)
    #expect(abs(metrics.matthews - matthews) < 1e-15, sourceLocation: sourceLocation)
  }

  @Test("three classes")
  func threeClasses() {
    let metrics = ClassificationMetrics(
      labels: [0, 0, 0, 1, 1, 2, 2, 2, 2, 2], predictions: [0, 0, 1, 1, 2, 2, 2, 2, 0, 1], classes: 3)
    #expect(metrics.confusion == [[2, 1, 0], [0, 1, 1], [1, 1, 3]])
    // F1: 4/6, 2/5, 6/9. Recall: 2/3, 1/2, 3/5. Matthews: (6·10 − 35) / √((100 − 34)·(100 − 38)).
    expect(
      metrics, accuracy: 6.0 / 10, macroF1: 26.0 / 45, macroRecall: 53.0 / 90,
      matthews: 25 / 4092.0.squareRoot())
  }

  @Test("two classes, where Matthews' correlation is the familiar one")
  func twoClasses() {
    // TP 2, FN 1, FP 1, TN 3: (2·3 − 1·1) / √(3·3·4·4)
    expect(
      ClassificationMetrics(labels: [1, 1, 1, 0, 0, 0, 0], predictions: [1, 1, 0, 0, 0, 0, 1], classes: 2),
      accuracy: 5.0 / 7, macroF1: 17.0 / 24, macroRecall: 17.0 / 24, matthews: 5.0 / 12)
  }

  @Test("all right, and all wrong")
  func extremes() {
    expect(
      ClassificationMetrics(labels: [0, 1, 2, 1], predictions: [0, 1, 2, 1], classes: 3), accuracy: 1, macroF1: 1,
      macroRecall: 1, matthews: 1)
    expect(
      ClassificationMetrics(labels: [0, 1, 0, 1], predictions: [1, 0, 1, 0], classes: 2), accuracy: 0, macroF1: 0,
      macroRecall: 0, matthews: -1)
  }

  @Test("one class predicted for all: no correlation, and no recall of the others")
  func constantPredictions() {
    expect(
      ClassificationMetrics(labels: [0, 0, 1, 2], predictions: [0, 0, 0, 0], classes: 3), accuracy: 1.0 / 2,
      macroF1: 2.0 / 9, macroRecall: 1.0 / 3, matthews: 0)
  }

  @Test("one class in the labels: no correlation; a class only predicted counts 0")
  func constantLabels() {
    expect(
      ClassificationMetrics(labels: [0, 0, 0, 0], predictions: [0, 0, 0, 1], classes: 2), accuracy: 3.0 / 4,
      macroF1: 3.0 / 7, macroRecall: 3.0 / 8, matthews: 0)
    expect(
      ClassificationMetrics(labels: [1, 1], predictions: [1, 1], classes: 2), accuracy: 1, macroF1: 1,
      macroRecall: 1, matthews: 0)
  }

  @Test("a class that neither occurs nor is predicted counts in no average")
  func absentClass() {
    expect(
      ClassificationMetrics(labels: [0, 2, 2], predictions: [0, 2, 0], classes: 4), accuracy: 2.0 / 3,
      macroF1: 2.0 / 3, macroRecall: 3.0 / 4, matthews: 0.5)
  }

  @Test("no rows give 0, not NaN")
  func noRows() {
    expect(
      ClassificationMetrics(labels: [], predictions: [], classes: 3), accuracy: 0, macroF1: 0, macroRecall: 0,
      matthews: 0)
  }

  @Test("the prediction is the first of the largest logits")
  func predictions() {
    #expect(([1, 3, 2] as [Float]).indexOfLargest == 1)
    #expect(([2, 1, 2] as [Float]).indexOfLargest == 0)
    #expect(([-3, -1, -2] as [Float]).indexOfLargest == 1)
  }
}
