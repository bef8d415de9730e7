import Glibc

/// Parses case after case in a process of its own, which may die of one.
struct Worker {
  let target: FuzzTarget
  let seed: UInt64
  let tally: Tally
  /// Where inputs that took too long or too much memory are kept.
  let keep: String

  /// Microseconds. The longest case takes 0.8 seconds on an idle machine; CI runs on slower and busier ones.
  private static let slowest = 3_000_000
  private static let allowance = 64 << 20

  /// Parses the cases of a range.
  func run(_ cases: Range<Int>) {
    // What is made once, such as tables, is not of any case.
    for index in target.bombs.count..<target.bombs.count + target.seeds.count {
      try? target.parse(target.input(index, seed: seed))
    }
    limitMemory()
    for index in cases {
      let input = target.input(index, seed: seed)
      tally[.current] = index
      parse(input, index)
    }
    tally[.current] = cases.upperBound
  }

  private func parse(_ input: [UInt8], _ index: Int) {
    let residentBefore = resident()
    resetPeak()
    let start = processorMicroseconds()
    do {
      try target.parse(input)
      tally[.accepted] += 1
    } catch {
      // Whoever writes an error must not be able to steer the terminal it is shown in.
      let text = "\(error)"
      promise(!text.unicodeScalars.contains { $0 != "\n" && $0.properties.generalCategory == .control }, text)
      promise(text.utf8.count < 1 << 16, text)
      tally[.refused] += 1
    }
    let time = processorMicroseconds() - start
    if time > tally[.slowestMicroseconds] {
      tally[.slowestMicroseconds] = time
      tally[.slowestCase] = index
    }
    if time > Self.slowest {
      tally[.tooSlow] += 1
      writeFile(input, "\(keep)/\(target.name)-\(index)-slow")
    }
    let memory = peak() - residentBefore
    if memory > tally[.peakBytes] {
      tally[.peakBytes] = memory
      tally[.peakCase] = index
    }
    if memory > target.memoryPerByte * input.count + Self.allowance {
      tally[.tooLarge] += 1
      writeFile(input, "\(keep)/\(target.name)-\(index)-large")
    }
  }

  /// An allocation of a size that a file made up fails, and is seen as a trap, before it takes the machine's memory.
  private func limitMemory() {
    var size = rlimit()
    size.rlim_cur = rlim_t(statistic("VmSize:")) + 1 << 30
    size.rlim_max = size.rlim_cur
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &size)
  }

  // MARK: Measuring

  private func processorMicroseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }

  private func resident() -> Int { statistic("VmRSS:") }
  private func peak() -> Int { statistic("VmHWM:") }

  /// Linux: what was the most memory so far is forgotten (proc(5), clear_refs).
  private func resetPeak() {
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    write(descriptor, "5", 1)
    close(descriptor)
  }

  /// A line of `/proc/self/status`, in bytes.
  private func statistic(_ name: StaticString) -> Int {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer in
      let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
      defer { close(descriptor) }
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      let key = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
      var place = 0
      while place + key.count < count {
        if UnsafeBufferPointer(rebasing: buffer[place..<place + key.count]).elementsEqual(key) {
          var value = 0
          for byte in buffer[(place + key.count)..<count] {
            if (48...57).contains(byte) { value = value * 10 + Int(byte - 48) } else if value > 0 { break }
          }
          return value << 10
        }
        while place < count && buffer[place] != 0x0a { place += 1 }
        place += 1
      }
      return 0
    }
  }
}
