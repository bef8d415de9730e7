import Checkpoints
import Foundation
import JSON
import Kernels
import Testing

struct ModelDirectoryTests {
  @Test func explainsWhatIsNotAModel() throws {
    try withTemporaryDirectory { directory in
      func expectError(_ path: String, _ words: String) {
        let error = #expect(throws: CheckpointError.self) { try ModelDirectory(path) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
      }
      expectError(directory + "/none", "/none: does not exist")
      try writeAtomically([], to: directory + "/file")
      expectError(directory + "/file", "found a file; name its directory")
      expectError(directory, "expected config.json in this directory")
      #expect(mkdir(directory + "/snapshots", 0o700) == 0)
      #expect(mkdir(directory + "/snapshots/abc", 0o700) == 0)
      try writeAtomically(Array("{}".utf8), to: directory + "/snapshots/abc/config.json")
      expectError(directory, "did you mean \(directory)/snapshots/abc?")
      try writeAtomically(Array("[]".utf8), to: directory + "/snapshots/abc/config.json")
      expectError(directory + "/snapshots/abc", "config.json: expected an object, found an array")
    }
  }

  @Test func explainsMissingWeights() throws {
    try withTemporaryDirectory { directory in
      try writeAtomically(Array("{}".utf8), to: directory + "/config.json")
      try writeAtomically([], to: directory + "/vocab.txt")
      let model = try ModelDirectory(directory)
      #expect(model.tokenizerFiles == ["vocab.txt"])
      let none = #expect(throws: CheckpointError.self) { try model.weights() }
      #expect(none?.problems.first?.hasPrefix("expected model.safetensors or pytorch_model.bin") == true)
    }
  }

  @Test(arguments: [
    "../x.safetensors", "/x.safetensors", "a/x.safetensors", "..\\x.safetensors", "C:x.safetensors", "x.bin",
    ".safetensors",
    "x\u{0}.safetensors", "",
  ])
  func shardsStayInTheirDirectory(name: String) throws {
    try expectIndexError(["weight_map": ["a": .string(name)]], "expected the name of a .safetensors file")
  }

  @Test func shardsHoldWhatTheIndexSays() throws {
    try expectIndexError([:], "weight_map: expected an object")
    try expectIndexError(["weight_map": ["a": 1]], "found integer 1")
    try expectIndexError(["weight_map": ["a": "none.safetensors"]], "cannot open")
    try expectIndexError(["weight_map": ["B": "s.safetensors", "c": "s.safetensors"]], "c: not in s.safetensors")
    try expectIndexError(["weight_map": ["B": "s.safetensors"]], "ids: expected s.safetensors, found no entry")
  }

  private func expectIndexError(_ index: JSON, _ words: String) throws {
    try withTemporaryDirectory { directory in
      try writeAtomically(contents(fixtures + "/order.safetensors"), to: directory + "/s.safetensors")
      try writeAtomically(index.bytes(), to: directory + "/model.safetensors.index.json")
      let error = #expect(throws: CheckpointError.self) {
        try ModelWeights(index: directory + "/model.safetensors.index.json")
      }
      #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
  }

  @Test func savesWhatLoadsAgainWithoutProjections() throws {
    try withTemporaryDirectory { directory in
      var layout = classifierLayout()
      _ = layout.add("projections.hidden.0.weight", [4, 4], role: .projection, decays: true)
      let parameters = ParameterBuffer(layout)
      parameters.number()
      let export = ModelExport(
        configuration: ["model_type": "bert"], parameters: parameters,
        tokenizerFiles: [("vocab.txt", Array("[PAD]\n".utf8))],
        modelCard: "# Model\n")
      let path = directory + "/model"
      for _ in 0..<2 {
        try export.save(to: path)
        #expect(try names(in: path) == ["README.md", "config.json", "manifest.json", "model.safetensors", "vocab.txt"])
        #expect(try names(in: directory) == ["model"])
      }
      let model = try ModelDirectory(path)
      #expect(model.configuration == ["model_type": "bert"])
      #expect(try contents(model.path(of: "vocab.txt")) == Array("[PAD]\n".utf8))
      let loaded = ParameterBuffer(layout)
      let report = try model.weights().load(into: loaded, head: .required)
      #expect(report.new == ["projections.hidden.0.weight"])
      for key in report.loaded { #expect(loaded.floats(key) == parameters.floats(key)) }
    }
  }

  @Test func aPartOfAModelMayLieInAFolder() throws {
    try withTemporaryDirectory { directory in
      var layout = classifierLayout()
      _ = layout.add("2_Map.linear.weight", [3, 4], role: .head, decays: true, folder: "2_Map")
      _ = layout.add("2_Map.linear.bias", [3], role: .head, decays: false, folder: "2_Map")
      let parameters = ParameterBuffer(layout)
      parameters.number()
      let export = ModelExport(
        configuration: [:], parameters: parameters,
        tokenizerFiles: [("2_Map/config.json", Array("{}".utf8)), ("modules.json", Array("[]".utf8))], modelCard: "")
      let path = directory + "/model"
      for _ in 0..<2 { try export.save(to: path) }
      #expect(try names(in: path + "/2_Map") == ["config.json", "model.safetensors"])
      let file = try SafetensorsFile(path + "/2_Map/model.safetensors")
      #expect(file.tensors.map(\.name).sorted() == ["linear.bias", "linear.weight"])
      #expect(try SafetensorsFile(path + "/model.safetensors").tensors.allSatisfy { !$0.name.hasPrefix("2_Map") })
      try CheckpointManifest.verify(path)
      let model = try ModelDirectory(path)
      #expect(try model.foldersWithWeights() == ["2_Map"])
      let loaded = ParameterBuffer(layout)
      let report = try model.weights(joining: layout.folders).load(into: loaded, head: .required)
      #expect(report.loaded.count == layout.entries.count && report.ignored.isEmpty)
      #expect(loaded.values.elementsEqual(parameters.values))
      let alone = #expect(throws: CheckpointError.self) { try model.weights().load(into: loaded, head: .required) }
      #expect(alone?.problems.contains { $0.hasPrefix("2_Map.linear.weight: missing") } == true)
    }
  }

  @Test func aFailedSaveLeavesTheOldModel() throws {
    try withTemporaryDirectory { directory in
      var export = ModelExport(
        configuration: [:], parameters: ParameterBuffer(classifierLayout()), tokenizerFiles: [], modelCard: "old")
      try export.save(to: directory + "/model")
      export.modelCard = "new"
      export.tokenizerFiles = [("model.safetensors", [])]
      #expect(throws: CheckpointError.self) { try export.save(to: directory + "/model") }
      #expect(try contents(directory + "/model/README.md") == Array("old".utf8))
      #expect(try names(in: directory) == ["model"])
    }
  }

  @Test func aSaveDeletesNothingButAModel() throws {
    try withTemporaryDirectory { directory in
      let export = ModelExport(
        configuration: [:], parameters: ParameterBuffer(classifierLayout()), tokenizerFiles: [], modelCard: "")
      #expect(mkdir(directory + "/home", 0o700) == 0)
      try writeAtomically([1], to: directory + "/home/letter")
      #expect(throws: CheckpointError.self) { try export.save(to: directory + "/home") }
      #expect(mkdir(directory + "/project", 0o700) == 0)
      #expect(mkdir(directory + "/project/.git", 0o700) == 0)
      try writeAtomically([1], to: directory + "/project/config.json")
      #expect(throws: CheckpointError.self) { try export.save(to: directory + "/project") }
      #expect(try contents(directory + "/home/letter") == [1])
    }
  }

  @Test func parametersSurviveExactlyOrAreRefused() throws {
    try withTemporaryDirectory { directory in
      let parameters = ParameterBuffer(classifierLayout())
      parameters.number()
      parameters.values[3] = .nan
      parameters.values[4] = -.infinity
      let path = directory + "/moments.safetensors"
      try parameters.write(to: path)
      let read = ParameterBuffer(parameters.layout)
      try read.read(from: path)
      #expect(read.values.map(\.bitPattern) == parameters.values.map(\.bitPattern))
      let other = ParameterBuffer(classifierLayout(labels: 4, layers: 1))
      let error = #expect(throws: CheckpointError.self) { try other.read(from: path) }
      #expect(error?.problems.count == 2 + 16)
      #expect(error?.problems.contains("classifier.bias: expected F32 [4], found F32 [3]") == true)
    }
  }
}
