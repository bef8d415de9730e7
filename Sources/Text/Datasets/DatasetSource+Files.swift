import Glibc
import JSON

extension DatasetSource {
  /// What messages call it: its files, or the first of many.
  package var name: String {
    let paths = [path] + morePaths
    return paths.count > 3 ? "\(path) and \(paths.count - 1) more" : paths.joined(separator: ", ")
  }

  /// A source for each of its files, in the order of their rows: patterns such as `parts/*.jsonl` stand for what there is,
  /// sorted by name.
  ///
  /// - Throws: where a pattern stands for nothing.
  package func files() throws(DatasetError) -> [DatasetSource] {
    if contents != nil { return [self] }
    switch format {
    case .layout, .hub: return [self]
    default: break
    }
    var paths = try Self.expanded([path] + morePaths)
    if case .columns(.arrow) = format {
      var parts: [String] = []
      for path in paths { parts += try Self.parts(ofSaved: path) }
      paths = parts
    }
    var labels: [String]?
    if case .lines(let first?) = format {
      labels = try Self.expanded([first] + moreLabelsPaths)
      guard labels?.count == paths.count else {
        throw DatasetError(
          name, "expected a file of labels for each of \(paths.count) files of texts, found \(labels?.count ?? 0)")
      }
    }
    return paths.enumerated().map { index, path in
      var file = self
      file.path = path
      (file.morePaths, file.moreLabelsPaths) = ([], [])
      if let labels { file.format = .lines(labelsPath: labels[index]) }
      return file
    }
  }

  /// What is opened, as far as it can be told.
  package var openedPaths: [String] {
    if case .hub = format { return [] }
    return ((try? files()) ?? [self]).flatMap { file in
      if case .lines(let labels?) = file.format { [file.path, labels] } else { [file.path] }
    }
  }

  private static func expanded(_ patterns: [String]) throws(DatasetError) -> [String] {
    var paths: [String] = []
    for pattern in patterns {
      // A file may be called that.
      guard pattern.contains(where: { "*?[".contains($0) }), access(pattern, F_OK) != 0 else {
        paths.append(pattern)
        continue
      }
      var found = glob_t()
      defer { globfree(&found) }
      glob(pattern, GLOB_NOSORT, nil, &found)
      let names = (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
      guard !names.isEmpty else {
        throw DatasetError(
          pattern, "there is no file of this pattern; see where it starts from, and what the files are called")
      }
      // The same on every machine, whatever its language.
      paths += names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    return paths
  }
}
