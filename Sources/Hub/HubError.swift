import JSON

/// Why a model cannot be had by its name.
package enum HubError: Error, CustomStringConvertible, Equatable {
  /// A variable of the environment is wrong.
  case settings(String)
  /// libcurl is missing or too old.
  case library(String)
  /// The hub's answer, or what was received, is wrong; `subject` is what was asked for.
  case failed(subject: String, problem: String)
  /// No answer, or one that may be another next time.
  case unreachable(subject: String, problem: String)
  /// Offline, and not all of it is in the cache.
  case offline(name: String, cache: String, missing: [String])
  /// The same of a data set.
  case datasetOffline(name: String, cache: String, missing: [String])
  /// Not a model's name on the hub so much as a path, and there is no such directory.
  case notHere(path: String)
  /// The caller asked to stop.
  case cancelled(subject: String)

  package var description: String {
    switch self {
    case .settings(let problem): "environment: \(problem)"
    case .library(let problem):
      "\(problem), and downloading needs it; install libcurl4 (Debian, Ubuntu) or libcurl, or name a model directory"
    case .failed(let subject, let problem): "\(subject.escapedForDisplay): \(problem)"
    case .unreachable(let subject, let problem):
      "\(subject.escapedForDisplay): \(problem); see whether this machine reaches the hub (HF_ENDPOINT, https_proxy), or "
        + "fetch the model where it does, with distill-ddp fetch, into a cache that this machine sees (HF_HOME)"
    case .offline(let name, let cache, let missing):
      "\(name.escapedForDisplay): does not exist here as a directory, and the cache \(cache.escapedForDisplay) "
        + (missing.isEmpty
          ? "has no such model" : "has only a part of it: \(missing.joined(separator: ", ").escapedForDisplay) missing")
        + "; nothing is downloaded: with a network and HF_HUB_OFFLINE unset, run distill-ddp fetch "
        + name.escapedForDisplay
    case .datasetOffline(let name, let cache, let missing):
      "\(name.escapedForDisplay): the cache \(cache.escapedForDisplay) "
        + (missing.isEmpty
          ? "has no such data set"
          : "has only a part of the data set: \(missing.prefix(10).joined(separator: ", ").escapedForDisplay) missing")
        + "; nothing is downloaded: with a network and HF_HUB_OFFLINE unset, run distill-ddp fetch --dataset "
        + name.escapedForDisplay
    case .notHere(let path):
      "\(path.escapedForDisplay): there is no such directory here; check the path"
        + (HubName(path).map { name in
          let own = String(name.repository.split(separator: "/").last ?? "")
          return ", or name the model as the hub does, such as \(own), which distill-ddp fetch \(own) downloads"
        } ?? "")
    case .cancelled(let subject):
      "\(subject.escapedForDisplay): stopped; what was received is kept, and the same command goes on from there"
    }
  }
}

/// What fetching a model is doing.
package enum HubEvent: Sendable, Equatable {
  /// What a name stands for from now on.
  case resolved(name: String, commit: String)
  case started(name: String, files: Int, bytes: Int)
  case progress(FetchProgress)
  /// Another process downloads this file: which, if it says so.
  case waiting(file: String, holder: String?)
  case retrying(file: String, problem: String, seconds: Double)
  case finished(name: String, bytes: Int, seconds: Double)
  /// The cache is used although the hub could not be asked.
  case notice(String)
}

package struct FetchProgress: Sendable, Equatable {
  package let file: String
  /// Of all files.
  package let done: Int
  package let total: Int
  /// Received by this process, of `done`.
  package let received: Int
}
