import Foundation
import Testing
import Training
import Yams

/// The files that start distill-ddp elsewhere, which nothing here can run.
@Suite struct MPIJobFile {
  private let documents: [Node]

  init() throws { documents = Array(try compose_all(yaml: try text("launch/mpijob.yaml"))) }

  @Test("it has the keys and kinds of values of the operator's version v2beta1")
  func keys() throws { #expect(mismatches(of: try job(), with: .mpiJob, at: "MPIJob") == []) }

  @Test("a misspelt key, a text in place of a number and an unknown policy are found")
  func mistakes() throws {
    let broken = try #require(
      try compose(
        yaml: """
          {apiVersion: kubeflow.org/v2beta1, kind: MPIJob, metadata: {name: x}, spec: {slotsPerWorkers: 4,
          runPolicy: {backoffLimit: many}, launcherCreationPolicy: Later, mpiReplicaSpecs: {Launcher: {replicas: 1,
          template: {}}}}}
          """))
    #expect(
      mismatches(of: broken, with: .mpiJob, at: "MPIJob").sorted() == [
        "MPIJob.spec.launcherCreationPolicy: expected one of AtStartup, WaitForWorkersReady",
        "MPIJob.spec.mpiReplicaSpecs: expected Worker",
        "MPIJob.spec.runPolicy.backoffLimit: expected a whole number",
        "MPIJob.spec.slotsPerWorkers: no such key",
      ])
  }

  @Test("every volume that is mounted, claimed or filled is there")
  func volumes() throws {
    let claims = names(of: "PersistentVolumeClaim")
    let maps = names(of: "ConfigMap")
    for replica in ["Launcher", "Worker"] {
      let pod = try #require(try job()["spec"]?["mpiReplicaSpecs"]?[replica]?["template"]?["spec"])
      let volumes = pod["volumes"]?.array() ?? []
      let named = Set(volumes.compactMap { $0["name"]?.string })
      for container in pod["containers"]?.array() ?? [] {
        for mount in container["volumeMounts"]?.array() ?? [] {
          #expect(named.contains(try #require(mount["name"]?.string)), "\(replica)")
        }
      }
      for volume in volumes {
        if let claim = volume["persistentVolumeClaim"]?["claimName"]?.string { #expect(claims.contains(claim)) }
        if let map = volume["configMap"]?["name"]?.string { #expect(maps.contains(map)) }
      }
    }
  }

  @Test("the launcher starts a configuration that is valid, from the volume it is mounted as, and resumes")
  func configuration() throws {
    let map = try #require(documents.first { $0["kind"] == "ConfigMap" })
    let yaml = try #require(map["data"]?["run.yaml"]?.string)
    let configuration = try RunConfiguration(yaml: yaml, file: "run.yaml")
    #expect(configuration.run.directory.hasPrefix("/data/"))
    let launcher = try #require(try container(of: "Launcher")["args"]?.array()).compactMap(\.string)
    #expect(launcher == ["/etc/mpi/hostfile", "--config", "/config/run.yaml", "--resume", "auto"])
  }

  @Test("its paths are those of the image")
  func image() throws {
    let dockerfile = try text("launch/Dockerfile")
    for replica in ["Launcher", "Worker"] {
      let user = try #require(
        try job()["spec"]?["mpiReplicaSpecs"]?[replica]?["template"]?["spec"]?["securityContext"]?["runAsUser"]?.int)
      #expect(dockerfile.contains("--uid \(user) mpiuser"))
      #expect(dockerfile.contains("USER \(user)\n"))
    }
    let script = try #require(try container(of: "Launcher")["command"]?[0]?.string)
    #expect(script == "/app/launch/hostfile.sh")
    #expect(dockerfile.contains(" launch/hostfile.sh ") && dockerfile.contains(" /app/launch/\n"))
    let server = try #require(try container(of: "Worker")["args"]?.array()).compactMap(\.string)
    #expect(dockerfile.contains("> \(try #require(server.last))"))
    #expect(try job()["spec"]?["sshAuthMountPath"]?.string.map { dockerfile.contains("HostKey \($0)/id_rsa") } == true)
    let port = try #require(try container(of: "Worker")["readinessProbe"]?["tcpSocket"]?["port"]?.int)
    #expect(dockerfile.contains("'Port \(port)'"))
  }

  // MARK: Parts

  private func job() throws -> Node { try #require(documents.first { $0["kind"] == "MPIJob" }) }

  private func names(of kind: String) -> [String] {
    documents.filter { $0["kind"]?.string == kind }.compactMap { $0["metadata"]?["name"]?.string }
  }

  private func container(of replica: String) throws -> Node {
    try #require(try job()["spec"]?["mpiReplicaSpecs"]?[replica]?["template"]?["spec"]?["containers"]?[0])
  }
}

private func text(_ name: String) throws -> String {
  let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  return try String(contentsOf: repository.appending(path: name), encoding: .utf8)
}
