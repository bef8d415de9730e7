import Kernels
import Synchronization

/// The gradients that each worker of a rank has when its micro-batches are done, and what they are in the tree of sums.
final class PartialSums: Sendable {
  struct Sum: Sendable {
    let node: SummationTree.Node
    let gradient: ParameterBuffer
  }

  /// The order in which they are added.
  let tree: SummationTree
  private let byWorker: Mutex<[[Sum]]>

  init(tree: SummationTree, workers: Int) {
    self.tree = tree
    byWorker = Mutex([[Sum]](repeating: [], count: workers))
  }

  /// Called by a worker before it completes anything: its gradients at these nodes.
  func set(worker index: Int, _ nodes: [SummationTree.Node], _ worker: Worker) {
    let sums = nodes.enumerated().map { Sum(node: $1, gradient: worker.gradient($0)) }
    byWorker.withLock { $0[index] = sums }
  }

  /// All workers' sums, from left to right in the tree.
  var inOrder: [Sum] { byWorker.withLock { $0.flatMap { $0 } } }
}
