extension RunConfiguration {
  /// What a reader of the configuration should know although it is no error.
  var notices: [String] {
    overridesWithoutEffect
      + stages.compactMap { stage in
        guard let monitor = stage.checkpoint.monitor, stage.checkpoint.mode != .usual(for: monitor) else { return nil }
        let usual = CheckpointSettings.Mode.usual(for: monitor)
        return "stages.\(stage.name).checkpoint.mode: \(stage.checkpoint.mode.rawValue) keeps the worst models, as "
          + "\(monitor) is better the \(usual == .max ? "larger" : "smaller") it is; leave mode out, or write "
          + usual.rawValue
      }
  }
}
