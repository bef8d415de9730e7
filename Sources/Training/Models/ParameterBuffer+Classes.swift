import Encoders
import Kernels
import Text

extension ParameterBuffer {
  /// Puts a trained head's outputs into the task's order, which is told by name: in another, it would be trained and
  /// scored on the wrong classes without a word.
  ///
  /// - Returns: what the user should know.
  func arrange(
    _ own: [String], as labels: [String], of encoder: Encoder, path: String, _ role: ModelRole
  ) throws -> String? {
    guard own.count == labels.count, let match = ClassMatch(own, in: labels) else {
      throw ModelError(
        "\(path): id2label: expected the task's labels \(labels), found \(own); \(role.headRemedies.otherShape)")
    }
    guard !match.isIdentity else {
      let isRenamed = own != labels && !ClassMatch.areUnnamed(own) && !ClassMatch.areUnnamed(labels)
      return isRenamed ? "\(path): the classes \(own) are read as \(labels)" : nil
    }
    moveClasses(of: encoder, to: match)
    return "\(path): the classes \(own) are put into the task's order, \(labels)"
  }

  /// Moves each row of the classifier to the place that its class has in another list.
  func moveClasses(of encoder: Encoder, to match: ClassMatch) {
    guard !match.isIdentity else { return }
    for slot in [encoder.parameters.classifier?.weight, encoder.parameters.classifier?.bias].compactMap(\.self) {
      // The weight has a row for each class, the bias a number.
      let width = slot.count / match.places.count
      let old = Array(values[slot.offset..<slot.offset + slot.count])
      for (row, place) in match.places.enumerated() {
        for column in 0..<width { values[slot.offset + place * width + column] = old[row * width + column] }
      }
    }
  }
}
