import Distillation
import Encoders
import Hub

/// What all runs of a configuration take: the one run that most are, or a sweep's, one after the other.
package struct JobPlan: Sendable {
  package struct Run: Sendable {
    /// What varies; empty where there is one run.
    package let name: String
    package let plan: RunPlan
  }

  /// The directory that holds all of it.
  package let directory: String
  package let runs: [Run]

  package var first: RunPlan { runs[0].plan }

  /// - Parameter hub: finds models and data sets by name in its cache; nothing is downloaded.
  package init(
    _ configuration: RunConfiguration, assuming assumed: RunPlan.AssumedData? = nil, threads: Int, hub: Hub
  ) throws {
    let configuration = try configuration.readingCache(hub, data: assumed == nil)
    directory = configuration.run.directory
    runs = [
      Run(name: "", plan: try RunPlan(configuration, assuming: assumed, data: PlannedData(threads: threads)))
    ]
  }

  /// - Throws: what is wrong with a run, with its name.
  package init(_ sweep: Sweep, assuming assumed: RunPlan.AssumedData? = nil, threads: Int, hub: Hub) throws {
    directory = sweep.directory
    let data = PlannedData(threads: threads)
    runs = try sweep.runs.map { run in
      do {
        let configuration = try run.configuration.readingCache(hub, data: assumed == nil)
        return Run(name: run.name, plan: try RunPlan(configuration, assuming: assumed, data: data))
      } catch {
        throw ModelError("\(run.name): \(error)")
      }
    }
  }

  // MARK: Together

  /// What stays when all have ended.
  package var keptBytes: Int { runs.reduce(0) { $0 + $1.plan.keptBytes } }

  /// The most there is meanwhile: what the others keep, and one at work.
  package var mostBytes: Int { keptBytes + (runs.map { $0.plan.mostBytes - $0.plan.keptBytes }.max() ?? 0) }

  /// Of the run that needs most.
  package func memoryOfHost(ranks: Int, threads: Int, perHost: Int) -> Int {
    runs.map { $0.plan.memory(ranks: ranks, threads: threads).host(ranks: perHost) }.max() ?? 0
  }

  package func seconds(_ job: JobShape, _ speeds: Speeds) -> Double {
    runs.reduce(0) { $0 + $1.plan.time(job, speeds).total }
  }

  /// The teacher caches that runs fill, each with its bytes: runs that read the same features of a teacher share them.
  package var caches: [(path: String, bytes: Int)] {
    var caches: [(path: String, bytes: Int)] = []
    var seen: [(path: String, teacher: String, taps: [TapSelection])] = []
    for plan in runs.map(\.plan) {
      guard
        let teacher = plan.configuration.teacher, let model = teacher.model, let cache = teacher.cache,
        let bytes = plan.cacheBytes
      else { continue }
      let taps = plan.stages.map(\.teacherTaps)
      guard !seen.contains(where: { $0 == (cache.path, model, taps) }) else { continue }
      seen.append((cache.path, model, taps))
      if let index = caches.firstIndex(where: { $0.path == cache.path }) {
        caches[index].bytes = min(caches[index].bytes + bytes, cache.maxBytes)
      } else {
        caches.append((cache.path, bytes))
      }
    }
    return caches
  }
}
