extension FuzzTarget {
  static func all(in workspace: Workspace) -> [FuzzTarget] {
    [
      json, safetensors(in: workspace), shardIndex(in: workspace), pyTorch(in: workspace), manifest(in: workspace),
      modelConfiguration, sentenceModules(in: workspace), runConfiguration, overrides,
    ] + tokenizers(in: workspace) + datasets(in: workspace)
      + [parquet(in: workspace), arrow(in: workspace), gzip(in: workspace), teacherCache(in: workspace)]
  }
}
