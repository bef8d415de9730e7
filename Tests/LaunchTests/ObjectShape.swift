import Yams

/// The shape of a Kubernetes object, as far as we check it: which keys it may have and must have, and what they hold.
indirect enum ObjectShape {
  case text
  case number
  case truth
  case oneOf([String])
  /// A mapping with these keys, of which `required` must be there.
  case object([String: ObjectShape], required: [String] = [])
  /// What Kubernetes itself defines.
  case any
}

extension ObjectShape {
  /// MPIJob v2beta1, after the types of Kubeflow's mpi-operator.
  static let mpiJob = object(
    [
      "apiVersion": oneOf(["kubeflow.org/v2beta1"]),
      "kind": oneOf(["MPIJob"]),
      "metadata": object(["name": text, "namespace": text, "labels": any, "annotations": any], required: ["name"]),
      "spec": object(
        [
          "slotsPerWorker": number,
          "runLauncherAsWorker": truth,
          "runPolicy": object([
            "cleanPodPolicy": oneOf(["All", "Running", "None"]),
            "ttlSecondsAfterFinished": number,
            "activeDeadlineSeconds": number,
            "backoffLimit": number,
            "schedulingPolicy": any,
            "suspend": truth,
            "managedBy": text,
          ]),
          "mpiReplicaSpecs": object(["Launcher": replica, "Worker": replica], required: ["Launcher", "Worker"]),
          "sshAuthMountPath": text,
          "launcherCreationPolicy": oneOf(["AtStartup", "WaitForWorkersReady"]),
          "mpiImplementation": oneOf(["OpenMPI", "Intel", "MPICH"]),
        ], required: ["mpiReplicaSpecs"]),
    ], required: ["apiVersion", "kind", "metadata", "spec"])

  private static let replica = object(
    ["replicas": number, "restartPolicy": oneOf(["Never", "OnFailure"]), "template": any], required: ["template"])
}

/// What in `node` is not of the shape, each with its place.
func mismatches(of node: Node, with shape: ObjectShape, at place: String) -> [String] {
  switch shape {
  case .any: return []
  case .text: return node.scalar == nil ? ["\(place): expected a text"] : []
  case .number: return node.int == nil ? ["\(place): expected a whole number"] : []
  case .truth: return node.bool == nil ? ["\(place): expected true or false"] : []
  case .oneOf(let values):
    return values.contains(node.string ?? "") ? [] : ["\(place): expected one of \(values.joined(separator: ", "))"]
  case .object(let keys, let required):
    guard let mapping = node.mapping else { return ["\(place): expected an object"] }
    let missing = required.filter { mapping[$0] == nil }.map { "\(place): expected \($0)" }
    return missing
      + mapping.flatMap { key, value -> [String] in
        let name = key.string ?? "?"
        guard let inner = keys[name] else { return ["\(place).\(name): no such key"] }
        return mismatches(of: value, with: inner, at: "\(place).\(name)")
      }
  }
}
