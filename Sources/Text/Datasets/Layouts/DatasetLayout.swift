import Glibc
import JSON

/// The files of a published benchmark task as its authors distribute them, known by name: `glue/sst2`.
package struct DatasetLayout: Sendable, Equatable {
  package enum Split: String, Sendable, CaseIterable {
    case train, validation, test
  }

  /// As in a configuration, and as the `datasets` library calls it: collection, then task.
  package let name: String
  /// The classes in the order of their ids, as the `datasets` library has them.
  let labels: [String]
  /// Where the task lies below the collection's directory.
  let folder: String
  let files: Files

  enum Files: Sendable, Equatable {
    case glue(GLUEFiles)
    /// `SPLIT_text.txt`, `SPLIT_labels.txt` and `mapping.txt`.
    case tweetEval
  }

  package static let all = glue + tweetEval

  package static func named(_ name: String) -> DatasetLayout? { all.first { $0.name == name } }

  /// Names of tasks of these collections that predict something else than a class.
  package static let withoutClasses = ["glue/stsb"]

  /// Whether a split's rows say which class they are: those of GLUE's test sets are secret.
  package func hasLabels(_ split: Split) -> Bool { files == .tweetEval || split != .test }

  // MARK: Finding the files

  /// The file or files of a split.
  /// - Parameter path: The task's directory, or that of the whole collection.
  func source(_ split: Split, in path: String, withLabels: Bool) throws(DatasetError) -> DatasetSource {
    switch files {
    case .glue(let files):
      var source = files.source(split)
      source.path = try find(source.path, in: path)
      return source
    case .tweetEval:
      let prefix = split == .validation ? "val" : split.rawValue
      let text = try find("\(prefix)_text.txt", in: path)
      let labels = withLabels ? try find("\(prefix)_labels.txt", in: path) : nil
      return DatasetSource(format: .lines(labelsPath: labels), path: text)
    }
  }

  /// The names of the classes: the dataset's own where it comes with them, as they have changed between editions.
  /// - Parameter path: The task's directory, or that of the whole collection.
  package func labels(in path: String) throws(DatasetError) -> [String] {
    guard case .tweetEval = files else { return labels }
    // The stances on all topics share one, in the folder above.
    let above =
      folder.split(separator: "/").count > 1 ? ["\(path)/../mapping.txt", "\(path)/\(folder)/../mapping.txt"] : []
    let places = ["\(path)/mapping.txt", "\(path)/\(folder)/mapping.txt"] + above
    guard let place = places.first(where: { access($0, F_OK) == 0 }) else { return labels }
    let names = try ClassLabels.mapping(in: place)
    guard names.count == labels.count else {
      throw DatasetError(place, "expected the \(labels.count) classes of \(name), found \(names.count)")
    }
    return names
  }

  private func find(_ file: String, in path: String) throws(DatasetError) -> String {
    let places = ["\(path)/\(file)", "\(path)/\(folder)/\(file)"].flatMap { [$0, $0 + ".gz"] }
    guard let place = places.first(where: { access($0, F_OK) == 0 }) else {
      throw DatasetError(path, "expected \(file) of \(name) here or in \(folder)/, found neither")
    }
    return place
  }
}
