/// Sentences packed end to end: no padding, so every token is real.
package struct Batch: Sendable {
  /// Token ids of all sentences. (tokens)
  package var tokens: [Int32] = []
  /// Segment ids: 0 for the first sentence of a pair, 1 for the second. (tokens)
  package var types: [Int32] = []
  /// Where each sentence starts, with the total at the end. (sentences + 1)
  package var starts: [Int] = [0]
  /// Class ids, or 0 where targets are `values` or `tags`, or −1 where a row has none. (sentences)
  package var labels: [Int32] = []
  /// Numbers to predict; empty where there are classes. (sentences, values of a row)
  package var values: [Float] = []
  /// Of each word's first token the word's tag, −1 for all others; empty where rows are no lists of words. (tokens)
  package var tags: [Int32] = []
  /// Where its words are in another tokenization, if its dataset knows one.
  package var words: BatchWords?
  /// Which sentences are ranked together, −1 for those that are not. (sentences), or empty
  package var groups: [Int32] = []
  /// Each sentence's place in its dataset, which also keys its dropout. (sentences)
  package var samples: [Int] = []

  package init() {}

  package var sentences: Int { starts.count - 1 }
  package func length(_ sentence: Int) -> Int { starts[sentence + 1] - starts[sentence] }
}
