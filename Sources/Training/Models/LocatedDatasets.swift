import Collectives
import Hub
import Text

extension DatasetSource {
  /// The files that a data set's name stands for, brought into the cache as far as `effort` goes.
  /// - Returns: the same of any other source.
  fileprivate func located(in hub: Hub, commit: String? = nil, effort: Hub.Effort) throws -> (
    DatasetSource, commit: String?
  ) {
    guard case .hub(let config, let split) = format else { return (self, nil) }
    let dataset = try hub.dataset(path, commit: commit, effort: effort)
    return (try dataset.source(self, config, split), dataset.commit)
  }
}

extension HubDataset {
  private static let readme = "README.md"

  /// A split's files, in the cache, in place of the name.
  fileprivate func source(_ wanted: DatasetSource, _ config: String?, _ split: String) throws -> DatasetSource {
    // Larger ones are no front matter that is worth reading.
    let readme =
      files.contains(Self.readme)
      ? try fetch([Self.readme]).first.flatMap { try? ConfigurationFile.read($0) } : nil
    var source = try DatasetRepository(
      name: name.description, files: files, readme: readme
    ).source(wanted, config: config, split: split)
    let paths = try fetch([source.path] + source.morePaths)
    source.path = paths[0]
    source.morePaths = Array(paths.dropFirst())
    return source
  }
}

extension Hub {
  /// Downloads splits of a data set, or brings them up to date.
  /// - Parameter splits: those that there are of the usual three where none is named.
  /// - Returns: the paths of their files.
  package func fetchDataset(_ name: String, config: String?, splits: [String]) throws -> [String] {
    let dataset = try dataset(name, effort: .refresh)
    var paths: [String] = []
    var failure: ModelError?
    for split in splits.isEmpty ? DatasetLayout.Split.allCases.map(\.rawValue) : splits {
      do {
        let source = try dataset.source(
          DatasetSource(format: .hub(config: config, split: split), path: name), config, split)
        paths += [source.path] + source.morePaths
      } catch let error as ModelError where splits.isEmpty {
        failure = failure ?? error
      }
    }
    if paths.isEmpty, let failure { throw failure }
    return paths
  }
}

extension Places {
  /// Collective: finds the data sets that a run names on the hub, alike on all ranks.
  /// - Returns: the configuration with files in their place, and the commit of each name.
  func locateDatasets(
    of configuration: RunConfiguration, in hub: Hub
  ) throws -> (RunConfiguration, commits: [(name: String, commit: String)]) {
    let sources = configuration.hubSources
    guard !sources.isEmpty else { return (configuration, []) }
    let locations = try located(sources, path: \.path) { source, commit in
      Hub.Location(path: source.path, commit: try source.located(in: hub, commit: commit, effort: .download).commit)
    }
    let found = try zip(sources, locations).map { source, location in
      // By now it is in the cache.
      try source.located(in: hub, commit: location.commit, effort: .cache).0
    }
    // Splits of one data set are of one commit.
    var commits: [(name: String, commit: String)] = []
    for (source, location) in zip(sources, locations) where !commits.contains(where: { $0.name == source.path }) {
      commits.append((source.path, location.commit ?? ""))
    }
    return (configuration.replacing(sources, by: found), commits)
  }
}

extension RunConfiguration {
  /// The same with directories and files in place of the names of models and data sets, as the hub's cache has them;
  /// nothing is downloaded.
  ///
  /// - Parameter data: whether data sets are looked for.
  func readingCache(_ hub: Hub, data: Bool) throws -> RunConfiguration {
    let locations = try models.map { key, model in
      do { return try hub.locate(model, effort: .cache) } catch { throw ModelError("\(key): \(error)") }
    }
    return try (data ? readingCachedDatasets(hub) : self).reading(locations)
  }

  /// The same with files in place of data sets' names, as far as the cache has them.
  package func readingCachedDatasets(_ hub: Hub) throws -> RunConfiguration {
    let sources = hubSources
    return replacing(sources, by: try sources.map { try $0.located(in: hub, effort: .cache).0 })
  }

  /// The sources that name data sets on the hub, each once.
  fileprivate var hubSources: [DatasetSource] {
    var sources: [DatasetSource] = []
    var copy = self
    copy.forEachSource { source in
      if case .hub = source.format, !sources.contains(source) { sources.append(source) }
    }
    return sources
  }

  fileprivate func replacing(_ sources: [DatasetSource], by found: [DatasetSource]) -> RunConfiguration {
    guard !sources.isEmpty else { return self }
    var configuration = self
    configuration.forEachSource { source in
      if let index = sources.firstIndex(of: source) { source = found[index] }
    }
    if configuration.task.labels == nil, task.kind != .regression, task.kind.hasLoss {
      configuration.task.labels = configuration.data.train.ownClasses()
    }
    return configuration
  }

  private mutating func forEachSource(_ body: (inout DatasetSource) -> Void) {
    body(&data.train)
    if data.validation != nil { body(&data.validation!) }
    if data.test != nil { body(&data.test!) }
    for index in data.unlabelled.sources.indices { body(&data.unlabelled.sources[index]) }
    for stage in stages.indices {
      for index in stages[stage].unlabelled.sources.indices { body(&stages[stage].unlabelled.sources[index]) }
    }
    for index in (student.vocabulary?.from ?? []).indices { body(&student.vocabulary!.from[index]) }
  }
}
