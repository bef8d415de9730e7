import Encoders

/// Why an adaptor cannot join this student and this teacher.
package struct AdaptorError: Error, CustomStringConvertible, Equatable {
  package let description: String

  init(_ adaptor: String, _ problem: String) { description = "\(adaptor): \(problem)" }
}

extension LayerMapSettings {
  /// The pairs for a student and a teacher of so many layers, checked. `lowest` is 0 for hidden states, whose state 0
  /// is the embeddings' output, and 1 for attention and values.
  func pairs(adaptor: String, student: Int, teacher: Int, lowest: Int) throws -> [LayerPair] {
    switch self {
    case .last:
      guard student <= teacher else {
        throw AdaptorError(
          adaptor,
          "layers: last needs a teacher at least as deep as the student, found \(teacher) and \(student) layers; "
            + "give pairs such as [[1, 2], [2, 4]]")
      }
      return (1...student).map { LayerPair(student: $0, teacher: teacher - student + $0) }
    case .uniform, .skip:
      guard teacher % student == 0 else {
        throw AdaptorError(
          adaptor,
          "layers: \(self == .uniform ? "uniform" : "skip") needs the teacher's layers to be a multiple of the "
            + "student's, found \(teacher) and \(student); use last or give pairs")
      }
      let last = self == .uniform ? student : student - 1
      guard last >= 1 else {
        throw AdaptorError(adaptor, "layers: skip leaves nothing of a student of one layer; use uniform")
      }
      return (1...last).map { LayerPair(student: $0, teacher: $0 * teacher / student) }
    case .pairs(let pairs):
      guard !pairs.isEmpty else { throw AdaptorError(adaptor, "layers: expected at least one pair, found none") }
      for pair in pairs {
        guard (lowest...student).contains(pair.student), (lowest...teacher).contains(pair.teacher) else {
          throw AdaptorError(
            adaptor,
            "layers: expected student layers \(lowest)…\(student) and teacher layers \(lowest)…\(teacher), "
              + "found [\(pair.student), \(pair.teacher)]")
        }
      }
      return pairs
    }
  }
}
