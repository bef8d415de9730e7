/// Who adds up gradients over ranks.
package enum SumMethod: String, Sendable, CaseIterable {
  /// This program, in the order of a tree: the bits do not depend on the number of ranks.
  case tree
  /// The MPI library, as it thinks best for the number of ranks, the size and the network.
  case mpi
}
