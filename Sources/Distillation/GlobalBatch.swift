import Encoders
import Kernels
import Text

/// The sentences of a global batch with what both models gave for each, on every rank: what losses read that compare
/// sentences with each other, and not with their own micro-batch alone.
package struct GlobalBatch: Sendable {
  /// All sentences, micro-batch after micro-batch.
  package let batch: Batch
  /// Vectors or logits, row after row. (sentences, width)
  private let student: [Float]
  private let studentWidth: Int
  /// The teacher's; none where nobody compares with them.
  private let teacher: [Float]
  private let teacherWidth: Int

  package init(batch: Batch, student: [Float], studentWidth: Int, teacher: [Float], teacherWidth: Int) {
    precondition(student.count == batch.sentences * studentWidth && teacher.count == batch.sentences * teacherWidth)
    (self.batch, self.student, self.teacher) = (batch, student, teacher)
    (self.studentWidth, self.teacherWidth) = (studentWidth, teacherWidth)
  }

  /// A micro-batch's place in it.
  package struct Part: Sendable {
    package let all: GlobalBatch
    package let sentences: Range<Int>

    package init(_ all: GlobalBatch, sentences: Range<Int>) { (self.all, self.sentences) = (all, sentences) }

    /// What the teacher gave for the micro-batch.
    package func teacherOutputs(arena: Arena) -> Matrix {
      all.matrix(all.teacher, all.teacherWidth, sentences, arena: arena)
    }
  }

  private func matrix(_ values: [Float], _ width: Int, _ sentences: Range<Int>, arena: Arena) -> Matrix {
    let out = arena.matrix(sentences.count, width)
    values.withUnsafeBufferPointer { values in
      _ = out.values.update(
        fromContentsOf: values[sentences.lowerBound * width..<sentences.upperBound * width])
    }
    return out
  }

  fileprivate func compared(own: Range<Int>, arena: Arena) -> ComparedSentences {
    let all = 0..<batch.sentences
    return ComparedSentences(
      batch: batch, student: matrix(student, studentWidth, all, arena: arena),
      teacher: teacherWidth > 0 ? matrix(teacher, teacherWidth, all, arena: arena) : nil, own: own)
  }
}

/// All sentences that a micro-batch's are compared with.
struct ComparedSentences {
  let batch: Batch
  /// (sentences, width)
  let student: Matrix
  /// Where some adaptor compares with it.
  let teacher: Matrix?
  /// Those of the micro-batch, which get a gradient from it.
  let own: Range<Int>
}

extension TapPair {
  /// The global batch's sentences, or the micro-batch's where that is all there is.
  var compared: ComparedSentences {
    globalBatch.map { $0.all.compared(own: $0.sentences, arena: arena) }
      ?? ComparedSentences(
        batch: batch, student: student.matrix(.logits), teacher: teacher[.logits]?.matrix, own: 0..<batch.sentences)
  }
}
