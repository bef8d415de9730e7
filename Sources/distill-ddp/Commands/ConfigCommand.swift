import ArgumentParser
import Glibc
import Training

/// `distill-ddp config`: configurations themselves.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Write a configuration to start from, show one with its defaults, or describe all keys.",
    subcommands: [Init.self, Show.self, Schema.self, Reference.self])

  struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init", abstract: "Write a commented configuration to start from.",
      discussion: """
        distill-ddp config init finetune > mine.yaml

        \(Template.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))
        """)

    @Argument(help: "What the configuration is for.")
    var template: Template

    @Option(help: "The file to write, which must not exist (default: standard output).", completion: .yaml)
    var output: String?

    func run() throws {
      try onFirstRank {
        guard let output else { return try writeResult(Array(template.text.utf8)) }
        guard access(output, F_OK) != 0 else {
          throw CommandError("\(output.escapedForDisplay): exists already; choose another name")
        }
        let destination = ResultDestination(output)
        let claim = try destination.claim(allowsStreams: false)
        defer { withExtendedLifetime(claim) {} }
        try destination.write(Array(template.text.replacing(template.path, with: output).utf8))
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a configuration with every default filled in, as YAML; a sweep as one document for each run.")

    @OptionGroup var source: ConfigurationOptions

    func run() throws {
      try onFirstRank {
        guard let sweep = try source.sweep() else {
          return try writeResult(Array(source.configuration().resolvedYAML().utf8))
        }
        // A YAML file may hold several documents.
        let documents = try sweep.runs.map { "# \($0.name.escapedForDisplay)\n\(try $0.configuration.resolvedYAML())" }
        try writeResult(Array(documents.joined(separator: "---\n").utf8))
      }
    }
  }

  struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "schema", abstract: "Print the JSON Schema of configurations, with which editors complete them.",
      discussion: """
          distill-ddp config schema > schema.json

        and, as the first line of a configuration beside it,

          # yaml-language-server: $schema=schema.json
        """)

    func run() throws {
      try onFirstRank { try writeResult(ConfigurationSchema.json.bytes(.pretty) + [UInt8(ascii: "\n")]) }
    }
  }

  struct Reference: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "reference", abstract: "Bring the tables of keys in a Markdown file up to date.",
      discussion: """
        Replaces what stands between <!-- keys: SECTION --> and <!-- end of keys --> by a table of that section's keys.

          distill-ddp config reference docs/configuration.md
        """)

    @Argument(help: "The Markdown file, such as docs/configuration.md.", completion: .file(extensions: ["md"]))
    var file: String

    func run() throws {
      try onFirstRank {
        let document = try readText(file)
        let updated = try ConfigurationReference.updating(document)
        if updated != document { try ResultDestination(file).write(Array(updated.utf8)) }
      }
    }
  }
}

/// The whole of a text file.
private func readText(_ path: String) throws(CommandError) -> String {
  let name = path.escapedForDisplay
  guard let file = fopen(path, "re") else {
    throw CommandError("\(name): cannot be opened: \(String(cString: strerror(errno)))")
  }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
  guard ferror(file) == 0 else { throw CommandError("\(name): cannot be read: \(String(cString: strerror(errno)))") }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw CommandError("\(name): expected UTF-8, found other bytes; save the file as UTF-8")
  }
  return text
}

extension CompletionKind {
  /// Configurations.
  static var yaml: CompletionKind { .file(extensions: ["yaml", "yml"]) }
}
