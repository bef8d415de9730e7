import Checkpoints
import JSON
import Testing

@Suite("serve")
struct ServeTests {
  private let workspace: TinyWorkspace
  private let texts = TinyWorkspace.sentences(9, seed: 6).map(\.text) + ["", "calm, \"dear\" warm!"]

  init() throws { workspace = try TinyWorkspace(trainRows: 1, validationRows: 1) }

  /// What the program answers to lines of requests, the greeting first.
  private func answers(to requests: [String]) throws -> [JSON] {
    let run = try workspace.run(
      ["serve", "--stdio", "--model", "student"], input: Array(requests.map { $0 + "\n" }.joined().utf8))
    #expect(run.status == 0, "\(run)")
    return try jsonLines(run.output)
  }

  private func list(_ texts: [String]) -> JSON { .array(texts.map(JSON.string)) }

  @Test("requests are answered in order, with what predict writes")
  func predictions() throws {
    let requests: [JSON] = [
      ["id": 7, "predict": list(texts)], ["predict": list([])],
      ["id": "pairs", "predict": list(texts), "pairs": list(texts.reversed())],
    ]
    let answers = try answers(to: requests.map { $0.text() })
    #expect(answers.count == 4)
    #expect(answers[0]["labels"]?.array?.compactMap(\.string) == ["negative", "neutral", "positive"])
    #expect(answers[0]["has_head"]?.bool == true)
    try workspace.write(texts.map { $0 + "\n" }.joined(), to: "texts.txt")
    let alone = try workspace.output(["predict", "--model", "student", "--input", "texts.txt"])
    #expect(answers[1]["id"]?.int == 7)
    #expect(answers[1]["predictions"]?.array?.map { $0.text() + "\n" }.joined() == alone)
    #expect(answers[2]["id"]?.isNull == true && answers[2]["predictions"]?.array?.isEmpty == true)
    let rows = zip(texts, texts.reversed()).map { (["text": .string($0), "text_pair": .string($1)] as JSON).text() }
    try workspace.write(rows.map { $0 + "\n" }.joined(), to: "pairs.jsonl")
    let pairs = try workspace.output(["predict", "--model", "student", "--input", "pairs.jsonl"])
    #expect(answers[3]["id"]?.string == "pairs")
    #expect(answers[3]["predictions"]?.array?.map { $0.text() + "\n" }.joined() == pairs)
  }

  @Test("features are the file that the command writes")
  func features() throws {
    try workspace.write(texts.map { $0 + "\n" }.joined(), to: "texts.txt")
    _ = try workspace.output(["features", "--model", "student", "--input", "texts.txt", "--output", "a.safetensors"])
    let request: JSON = ["id": 1, "features": list(texts), "output": "b.safetensors"]
    #expect(try answers(to: [request.text()])[1]["features"]?.string == "b.safetensors")
    let written = try ["a", "b"].map { try workspace.contents(of: "\($0).safetensors").values.first }
    #expect(written[0] != nil && written[0] == written[1])
  }

  @Test("a request that is wrong is answered by an error, and the next one is served")
  func errors() throws {
    let good = (["id": 2, "predict": list(["good"])] as JSON).text()
    let wrong = [
      "nonsense", "[]", "{\"id\":1}", "{\"predict\":\"text\"}", "{\"predict\":[1]}",
      "{\"predict\":[\"a\",\"b\"],\"pairs\":[\"c\"]}", "{\"features\":[\"a\"]}",
      "{\"features\":[\"a\"],\"output\":\"nowhere/f.safetensors\"}",
    ]
    let answers = try answers(to: wrong + [good])
    #expect(answers.count == wrong.count + 2)
    for answer in answers[1...wrong.count] { #expect(answer["error"]?.string?.isEmpty == false, "\(answer.text())") }
    #expect(answers.last?["id"]?.int == 2 && answers.last?["predictions"]?.array?.count == 1)
  }
}
