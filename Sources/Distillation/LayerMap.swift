import Encoders

/// How student layers are paired with teacher layers.
package enum LayerMapSettings: Sendable, Equatable {
  /// The last layers: student S−i with teacher L−i.
  case last
  /// Student i with teacher i·L/S; L must be a multiple of S.
  case uniform
  /// As `uniform` without the last layer (Patient-KD).
  case skip
  /// The student's last layer with the teacher's at seven eighths of its depth: 21 of 24, 11 of 12 (MiniLMv2).
  case top
  /// (student, teacher) pairs from 1; 0 is the embeddings' output, for hidden states only.
  case pairs([LayerPair])
}

/// A student layer and the teacher layer it learns from, from 1; 0 is the embeddings' output.
package struct LayerPair: Sendable, Equatable {
  package let student: Int
  package let teacher: Int

  package init(student: Int, teacher: Int) {
    self.student = student
    self.teacher = teacher
  }
}

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
    case .top: return [LayerPair(student: student, teacher: (7 * teacher + 4) / 8)]
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
