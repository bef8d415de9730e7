import Testing
import Text

@testable import Training

@Suite struct ConfiguredDatasets {
  private func read(_ data: String, labels: String = "null") throws -> RunConfiguration {
    try configuration(
      """
      run: {directory: d}
      task: {labels: \(labels)}
      data: \(data)
      student: {model: m}
      stages: [{name: only}]
      """)
  }

  private func source(_ name: String, _ split: DatasetLayout.Split) throws -> DatasetSource.Format {
    .layout(try #require(DatasetLayout.named(name)), split)
  }

  @Test func aNameAndAPathAreEnough() throws {
    let read = try read("{format: glue/mnli, path: no/such/directory}")
    #expect(read.data.train.format == (try source("glue/mnli", .train)))
    #expect(read.data.validation?.format == (try source("glue/mnli", .validation)))
    #expect(read.data.train.path == "no/such/directory" && read.data.validation?.path == "no/such/directory")
    #expect(read.task.labels == ["entailment", "neutral", "contradiction"])
    let yaml = try read.resolvedYAML()
    #expect(try RunConfiguration(yaml: yaml, file: "resolved") == read)
  }

  @Test func validationMayBeSomethingElse() throws {
    let none = try read("{format: glue/rte, path: d, validation: null}")
    #expect(none.data.validation == nil)
    let other = try read("{format: tweeteval/irony, path: d, validation: {csv: f}}")
    #expect(other.data.validation == DatasetSource(format: .csv, path: "f"))
    let tests = try read(
      "{train: {format: tweeteval/hate, path: d}, validation: {format: tweeteval/hate, path: e, split: test}}")
    #expect(tests.data.train.format == (try source("tweeteval/hate", .train)))
    #expect(tests.data.validation?.format == (try source("tweeteval/hate", .test)))
    #expect(tests.task.labels == ["non-hate", "hate"])
  }

  @Test func labelsThatAreGivenStay() throws {
    #expect(try read("{format: glue/sst2, path: d}", labels: "[bad, good]").task.labels == ["bad", "good"])
  }
}
