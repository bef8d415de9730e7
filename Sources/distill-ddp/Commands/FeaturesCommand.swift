import ArgumentParser
import Collectives
import Hub
import JSON
import Text
import Training

/// `distill-ddp features`: what a stage could tap in a model, for each text.
struct FeaturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract: "Write hidden states, attention, values and logits of each text.",
    discussion: """
      Texts lie end to end: text i, from 0, has the n tokens from starts[i] to starts[i + 1]. A model of L layers gives:

        hidden.0 … hidden.L                (tokens, width); 0 is the embeddings' output
        queries, keys, values.1 … .L       (tokens, heads, head size)
        attention.1 … attention.L          flat: from attention_starts[i] on the (heads, n, n) probabilities of text i,
                                           rows are queries
        pooled (texts, width), logits (texts, classes), if the model has a head for them

      starts and attention_starts are 64-bit integers, all else 32-bit floats.

        distill-ddp features --model DIR --input tweets.txt --output F.safetensors
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @OptionGroup var input: TextInputOptions

  @Option(help: "The .safetensors file to write.", completion: .file(extensions: ["safetensors"]))
  var output: String

  @OptionGroup var limits: InferenceOptions

  func run() throws {
    try onFirstRank(threads: limits.threads) { pool in
      let claim = try ResultDestination(output).claim(allowsStreams: false)
      defer { withExtendedLifetime(claim) {} }
      let directory = try Hub.ofEnvironment().locate(model, effort: .download).path
      let classifier = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
      if !classifier.hasTrainedHead {
        printError("Note: \(model.escapedForDisplay): has no classification head, so there will be no logits")
      } else {
        for notice in classifier.notices { printError("Note: \(notice)") }
      }
      for notice in limits.notices { printError("Note: \(notice)") }
      let dataset = try limits.tokenize(
        try input.read(RowInput(input.input, ranks: SingleProcess())), for: classifier, threads: pool.workers)
      try classifier.writeFeatures(
        of: dataset, to: ResultDestination.resolvingLinks(output), pool: pool, precision: limits.precision)
    }
  }
}
