import Collectives
import Testing

@Suite struct SingleProcessTests {
  private let ranks: any Communicator = SingleProcess()

  @Test func isTheOnlyRank() {
    #expect(ranks.rank == 0 && ranks.size == 1)
    #expect(ranks.localRank == 0 && ranks.localSize == 1)
  }

  @Test func itsOwnValuesAreTheSumAndTheBroadcast() throws {
    var doubles = [0.25, 4]
    try ranks.sum(&doubles)
    #expect(doubles == [0.25, 4])
    var bytes: [UInt8] = [1, 2]
    try ranks.broadcast(&bytes, from: 0)
    #expect(bytes == [1, 2])
    try ranks.exchange(send: [], receive: [])
    try ranks.barrier()
  }

  @Test func gathersItsOwnBytes() throws {
    #expect(try ranks.gather([], to: 0) == [[]])
    #expect(try ranks.gather([7, 8], to: 0) == [[7, 8]])
  }

  @Test func abortEndsTheProcessWithTheStatus() async {
    await #expect(processExitsWith: .exitCode(3)) { SingleProcess().abort(status: 3) }
  }
}
