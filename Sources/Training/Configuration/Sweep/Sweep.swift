/// The runs that a configuration with a section `sweep` stands for.
package struct Sweep: Sendable {
  package struct Run: Sendable {
    /// What varies, as the name of the run's directory: `wide_learningRate=5e-5_seed=2`.
    package let name: String
    package fileprivate(set) var configuration: RunConfiguration
  }

  /// Each run has a directory of its own in it.
  package let directory: String
  /// In the order in which they are to be run: seeds vary fastest, then the grid's last key.
  package private(set) var runs: [Run]

  /// More would take longer than anybody waits for.
  private static let mostRuns = 1000
  private static let mostKeys = 32
  private static let mostProblems = 100
  private static let mostRunsCompared = 100

  /// Reads a configuration file, with overrides as `--set` takes them applied in order.
  ///
  /// - Returns: `nil` where the configuration is that of one run.
  /// - Throws: `ConfigurationError` with everything that is wrong, in whichever run it is.
  package init?(path: String, overrides: [String] = []) throws(ConfigurationError) {
    try self.init(yaml: try ConfigurationFile.read(path), file: path, overrides: overrides)
  }

  package init?(yaml: String, file: String, overrides: [String] = []) throws(ConfigurationError) {
    let reader = try RunConfiguration.reader(yaml: yaml, file: file, overrides: overrides)
    guard let section = reader.root["sweep"], !section.isNull else { return nil }
    let settings = reader.section(
      section, path: "sweep", pattern: "sweep", under: reader.root, reportsMissing: true
    ) { SweepSettings($0) }
    let count = settings.count
    if count > Self.mostRuns {
      reader.report("expected at most \(Self.mostRuns) runs, found \(count)", at: section.keyPlace, path: "sweep")
    }
    if settings.grid.count > Self.mostKeys {
      reader.report(
        "expected at most \(Self.mostKeys) keys, found \(settings.grid.count)", at: section.keyPlace, path: "sweep.grid"
      )
    }
    if let error = reader.error { throw error }
    var base = reader.root
    base.remove("sweep")
    directory = base["run"]?["directory"].flatMap { Expected<String>.text("").read($0) } ?? ""
    var runs: [Run] = []
    var problems: [ConfigurationError.Problem] = []
    for combination in settings.combinations where problems.count < Self.mostProblems {
      let (configuration, found) = Self.read(base, combination, in: directory)
      runs.append(Run(name: combination.name, configuration: configuration))
      for problem in found where !problems.contains(problem) { problems.append(problem) }
    }
    for (name, message) in Self.problems(ofNames: runs.map(\.name)) {
      problems.append(
        .init(location: section.keyPlace.location, path: "sweep", message: "\(message), found \(quoted(name))"))
    }
    guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    self.runs = runs
    // Each override costs reading all runs again.
    guard !overrides.isEmpty, runs.count <= Self.mostRunsCompared else { return }
    let document = try ConfigurationNode(yaml: yaml, origin: visible(file), isFile: true)
    let notices = OverridesWithoutEffect(overrides, of: document, runs: Self.configurations).notices
    for index in runs.indices { self.runs[index].configuration.overridesWithoutEffect = notices }
  }

  /// All runs of a document; `nil` where something is wrong with it.
  private static func configurations(of root: ConfigurationNode) -> [RunConfiguration]? {
    let reader = ConfigurationReader(root: root)
    guard let section = root["sweep"] else { return nil }
    let settings = reader.section(section, path: "sweep", pattern: "sweep", under: root, reportsMissing: true) {
      SweepSettings($0)
    }
    guard reader.error == nil, settings.count <= mostRunsCompared else { return nil }
    var base = root
    base.remove("sweep")
    var configurations: [RunConfiguration] = []
    for combination in settings.combinations {
      let (configuration, problems) = read(base, combination, in: "")
      guard problems.isEmpty else { return nil }
      configurations.append(configuration)
    }
    return configurations
  }

  private static let longestName = 200

  private static func problems(ofNames names: [String]) -> [(name: String, message: String)] {
    var problems: [(String, String)] = []
    if let long = names.first(where: { $0.utf8.count > longestName }) {
      problems.append((long, "expected fewer keys, whose values make directories' names of \(longestName) bytes"))
    }
    var seen: Set<String> = []
    if let twin = names.first(where: { !seen.insert($0).inserted }) {
      problems.append((twin, "expected a name of its own for each run"))
    }
    return problems
  }

  private static func read(
    _ base: ConfigurationNode, _ combination: SweepSettings.Combination, in directory: String
  ) -> (RunConfiguration, [ConfigurationError.Problem]) {
    var root = base
    var problems: [ConfigurationError.Problem] = []
    for setting in combination.settings {
      do throws(ConfigurationError) {
        try root.set(setting.path, to: setting.value)
      } catch {
        problems += error.problems
      }
    }
    let reader = ConfigurationReader(root: root)
    reader.report(problems)
    var configuration = RunConfiguration.read(reader)
    configuration.run.directory = "\(directory)/\(combination.name)"
    return (configuration, reader.error?.problems ?? [])
  }
}
