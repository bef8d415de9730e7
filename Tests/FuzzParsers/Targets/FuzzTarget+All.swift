extension FuzzTarget {
  static func all(in workspace: Workspace) -> [FuzzTarget] {
    [json, safetensors(in: workspace), shardIndex(in: workspace), modelConfiguration, runConfiguration, overrides]
      + tokenizers(in: workspace) + datasets(in: workspace) + [teacherCache(in: workspace)]
  }
}
