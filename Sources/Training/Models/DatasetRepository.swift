import Glibc
import JSON
import Text

/// Which of the files of a data set on the hub hold a split, by what its README says or else by their names, as the
/// `datasets` library finds them.
struct DatasetRepository {
  private let name: String
  private let files: [String]
  private let readme: ConfigurationNode?

  /// - Parameter readme: the text of its `README.md`.
  init(name: String, files: [String], readme: String?) {
    (self.name, self.files) = (name, files)
    // One that is no YAML says nothing.
    self.readme = readme.flatMap(Self.frontMatter).flatMap {
      try? ConfigurationNode(yaml: $0, origin: "", isFile: false)
    }
  }

  private static func frontMatter(of text: String) -> String? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") else { return nil }
    return lines[1..<end].joined(separator: "\n")
  }

  /// The source of a split, whose paths are relative to the repository.
  func source(_ wanted: DatasetSource, config: String?, split: String) throws -> DatasetSource {
    let config = try self.config(config)
    let found =
      try patterns(config, split).flatMap { patterns in
        patterns.flatMap { pattern in files.filter { Self.matches($0, pattern) } }
      } ?? byName(config, split)
    guard let format = Self.formats.first(where: { format in found.contains { Self.isOf(format.suffixes, $0) } }) else {
      throw ModelError(
        "\(name): expected Parquet, JSONL, CSV or TSV files of the split \(split.quoted)"
          + (config.map { " of \($0.quoted)" } ?? "")
          + ", found \(found.isEmpty ? shownFiles : found.prefix(5).joined(separator: ", "))"
          + "; name another split or config, or see whether \(Self.converted(name)) has it")
    }
    let parts = found.filter { Self.isOf(format.suffixes, $0) }.sorted()
    try checkComplete(parts)
    var source = wanted
    source.format = format.format
    source.path = parts[0]
    source.morePaths = Array(parts.dropFirst())
    if case .name(let label)? = wanted.labelColumn { source.classes = classes(config, label) }
    return source
  }

  /// Where the hub keeps what it made Parquet of.
  private static func converted(_ name: String) -> String {
    "\(name.prefix { $0 != "@" })@refs/convert/parquet"
  }

  private var shownFiles: String {
    files.isEmpty ? "no files" : files.prefix(8).joined(separator: ", ") + (files.count > 8 ? ", …" : "")
  }

  // MARK: Configurations

  private var configs: [ConfigurationNode] { readme?["configs"]?.elements ?? [] }

  /// The configuration that is meant; `nil` of a repository that has none.
  private func config(_ wanted: String?) throws -> String? {
    let names = configs.compactMap { $0["config_name"]?.text }
    if let wanted {
      let isFolder = files.contains { $0.hasPrefix("\(wanted)/") }
      guard names.contains(wanted) || isFolder else {
        throw ModelError(
          "\(name): expected the config \(wanted.quoted), found \(names.isEmpty ? shownFiles : names.joined(separator: ", "))"
        )
      }
      return wanted
    }
    if names.count <= 1 { return names.first }
    let standard = configs.first { $0["default"]?.text == "true" }?["config_name"]?.text
    guard let chosen = standard ?? names.first(where: { $0 == "default" }) else {
      throw ModelError("\(name): has several configs; give config, one of \(names.prefix(40).joined(separator: ", "))")
    }
    return chosen
  }

  /// What the README says of a split's files; `nil` where it says nothing.
  private func patterns(_ config: String?, _ split: String) throws -> [String]? {
    guard let own = configs.first(where: { $0["config_name"]?.text == config }) else { return nil }
    let folder = own["data_dir"]?.text.map { $0.hasSuffix("/") ? $0 : $0 + "/" } ?? ""
    guard let data = own["data_files"] else { return nil }
    let entries = data.elements ?? []
    if entries.contains(where: { $0["split"] != nil }) {
      guard let entry = entries.first(where: { $0["split"]?.text == split }) else {
        let splits = entries.compactMap { $0["split"]?.text }
        throw ModelError("\(name): expected the split \(split.quoted), found \(splits.joined(separator: ", "))")
      }
      return entry["path"]?.texts.map { folder + $0 }
    }
    // Files without a split are for training.
    return split == "train" ? data.texts.map { folder + $0 } : nil
  }

  // MARK: Files

  private static let formats: [(suffixes: [String], format: DatasetSource.Format)] = [
    ([".parquet"], .columns(.parquet)), ([".jsonl", ".jsonl.gz", ".ndjson", ".json", ".json.gz"], .jsonl),
    ([".csv", ".csv.gz"], .csv), ([".tsv", ".tsv.gz"], .tsv(header: true)), ([".arrow"], .columns(.arrow)),
  ]

  private static func isOf(_ suffixes: [String], _ file: String) -> Bool { suffixes.contains { file.hasSuffix($0) } }

  private static func matches(_ file: String, _ pattern: String) -> Bool {
    let pattern = pattern.hasPrefix("./") ? String(pattern.dropFirst(2)) : pattern
    // Two stars go through folders.
    return fnmatch(pattern, file, pattern.contains("**") ? 0 : FNM_PATHNAME) == 0
  }

  private static let otherNames = [
    "train": ["train", "training"], "validation": ["validation", "valid", "val", "dev"],
    "test": ["test", "testing", "eval"],
  ]

  /// By the names that `datasets` looks for: `CONFIG/SPLIT-00000-of-00002.parquet`, `data/SPLIT.csv` and so on.
  private func byName(_ config: String?, _ split: String) -> [String] {
    let folders = config.map { ["\($0)/", "data/\($0)/"] } ?? []
    for folder in folders + (config == nil || config == "default" ? ["default/", "data/", ""] : []) {
      for name in Self.otherNames[split] ?? [split] {
        let found = files.filter { file in
          guard file.hasPrefix(folder) else { return false }
          let rest = file.dropFirst(folder.count)
          guard rest.hasPrefix(name), let next = rest.dropFirst(name.count).first, "-_./".contains(next) else {
            return false
          }
          return (next == "/" || !rest.contains("/")) && Self.formats.contains { Self.isOf($0.suffixes, file) }
        }
        if !found.isEmpty { return found }
      }
    }
    return []
  }

  /// Files that say of how many they are, `-00000-of-00002`, are all there.
  private func checkComplete(_ parts: [String]) throws {
    for part in parts {
      let pieces = part.split(separator: "-of-")
      guard pieces.count == 2, let count = Int(pieces[1].prefix { $0.isNumber }), count <= 100_000 else { continue }
      let stem = String(pieces[0].reversed().drop { $0.isNumber }.reversed())
      let found = parts.count { $0.hasPrefix(stem) }
      guard found == count else {
        throw ModelError("\(name): expected \(count) files \(stem)…, found \(found); fetch it anew")
      }
    }
  }

  // MARK: Classes

  /// What the README says a column's numbers stand for.
  private func classes(_ config: String?, _ column: String) -> [String]? {
    guard let described = readme?["dataset_info"] else { return nil }
    let infos = described.elements ?? [described]
    let info = infos.first { $0["config_name"]?.text == config } ?? (infos.count == 1 ? infos.first : nil)
    let features = info?["features"]?.elements ?? []
    let feature = features.first { $0["name"]?.text == column }
    for type in [feature?["dtype"], feature?["sequence"], feature?["list"]] {
      guard let names = (type?["class_label"] ?? type?["dtype"]?["class_label"])?["names"] else { continue }
      if let list = names.elements { return list.compactMap(\.text) }
      guard case .mapping(let entries) = names.content else { continue }
      let numbered = entries.compactMap { entry in
        Int(entry.key).flatMap { number in entry.value.text.map { (number, $0) } }
      }
      .sorted { $0.0 < $1.0 }
      if numbered.map(\.0) == Array(0..<entries.count), !numbered.isEmpty { return numbered.map(\.1) }
    }
    return nil
  }
}

extension ConfigurationNode {
  fileprivate var elements: [ConfigurationNode]? { if case .sequence(let list) = content { list } else { nil } }
  fileprivate var text: String? { if case .scalar(let text, _) = content { text } else { nil } }
  /// One text or a list of them.
  fileprivate var texts: [String] { text.map { [$0] } ?? (elements ?? []).compactMap(\.text) }
}
