import Encoders
import Testing
import Training

/// How many rows of features go to a file.
struct FeatureFilesTests {
  /// Three heads of 6 give hidden states of 18 a token, and 3 numbers for each two tokens of a row.
  private func files(_ lengths: [Int32], most: Int, rowsPerFile: Int? = nil) throws -> [Range<Int>] {
    var model = EncoderConfiguration()
    (model.hiddenSize, model.heads, model.layers) = (18, 3, 2)
    let taps: TapSelection = [Tap(.hidden, layer: 1), Tap(.scores, layer: 1)]
    return try FeatureFiles(model, taps, mostElements: most).rows(of: lengths, rowsPerFile: rowsPerFile)
  }

  @Test("no tensor of a file has more elements than it may, and every row has its file")
  func division() throws {
    // 18 for each token: 4 tokens are 72.
    #expect(try files([2, 2, 2, 2, 2], most: 72) == [0..<2, 2..<4, 4..<5])
    // 3 for each two tokens: 8 tokens in a row are 192, and 144 for hidden states.
    #expect(try files([8, 8], most: 300) == [0..<1, 1..<2])
    #expect(try files([8, 8], most: 400) == [0..<2])
    #expect(try files([2, 2, 2], most: 1000, rowsPerFile: 2) == [0..<2, 2..<3])
    #expect(try files([], most: 72) == [0..<0])
    let error = #expect(throws: ModelError.self) { try files([2, 9], most: 200) }
    #expect(error?.description.hasPrefix("row 2: its 9 tokens have more elements than a tensor may have") == true)
  }
}
