import Training

/// Runs side by side; those that differ in their seed only are one row.
package struct RunComparison: Sendable {
  struct Row: Sendable {
    let directories: [String]
    let seeds: [UInt64]
    let status: String
    let teacher: String?
    let parameters: Int?
    /// In the order of `metrics`; `nil` where not every run has it.
    let metrics: [Statistic?]
    let sentencesPerSecond: Statistic?
    let seconds: Statistic?
  }

  /// Every metric of the best checkpoints, of test data too, in the order in which they first occur.
  let metrics: [String]
  let rows: [Row]

  /// - Parameter runs: in the order of the rows.
  package init(_ runs: [RecordedRun]) {
    var metrics: [String] = []
    for metric in runs.flatMap(\.metrics) where !metrics.contains(metric.name) {
      metrics.append(metric.name)
    }
    var groups: [[RecordedRun]] = []
    for run in runs {
      // How good an unfinished run is so far is no sample of how good its configuration is.
      let twin = groups.firstIndex { run.isFinished && $0[0].isFinished && run.differsInSeedOnly(from: $0[0]) }
      if let twin { groups[twin].append(run) } else { groups.append([run]) }
    }
    self.metrics = metrics
    rows = groups.map { Row($0, metrics: metrics) }
  }
}

extension RunComparison.Row {
  fileprivate init(_ runs: [RecordedRun], metrics names: [String]) {
    /// Of all runs or of none.
    func statistic(_ value: (RecordedRun) -> Double?) -> Statistic? {
      let values = runs.compactMap(value)
      return values.count == runs.count ? Statistic(values) : nil
    }
    directories = runs.map(\.directory)
    seeds = runs.map(\.configuration.run.seed)
    status = runs[0].status
    let learns = runs[0].stages.contains { !$0.adaptors.isEmpty }
    teacher = learns ? runs[0].configuration.teacherName : nil
    parameters = runs[0].overview?.studentParameters
    metrics = names.map { name in statistic { $0.metrics.first { $0.name == name }?.value } }
    sentencesPerSecond = statistic(\.sentencesPerSecond)
    seconds = statistic { $0.isFinished || !$0.stages.isEmpty ? $0.seconds : nil }
  }
}

extension RecordedRun {
  /// Whether only seed and directory tell two runs apart, and what changes no number.
  fileprivate func differsInSeedOnly(from other: RecordedRun) -> Bool {
    var (own, others) = (configuration, other.configuration)
    own.run = RunSettings(directory: "")
    others.run = own.run
    return own == others
  }
}
