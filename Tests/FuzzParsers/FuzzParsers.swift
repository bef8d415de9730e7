import Glibc

#if !GUIDED
  /// Feeds damaged and hostile input to every parser of files that others made.
  ///
  ///     FuzzParsers [--cases N] [--seed S] [--parser NAME] [--keep DIR]
  ///     FuzzParsers --parser NAME --file FILE
  ///
  /// Every case follows from the seed and its number. Ends with 1 if a case trapped, or took over three seconds of
  /// processor time, or more memory than twice its size and 64 MiB.
  @main
  enum FuzzParsers {
    static func main() {
      let options = Options(CommandLine.arguments.dropFirst())
      let workspace = Workspace()
      defer { workspace.remove() }
      let targets = FuzzTarget.all(in: workspace).filter { options.parser == nil || $0.name == options.parser }
      guard let first = targets.first else { return fail("no such parser: \(options.parser ?? "")", workspace) }

      if let file = options.file {
        do {
          try first.parse(readFile(file))
          print("accepted")
        } catch {
          print("refused: \(error)")
        }
      } else if let worker = options.worker {
        Worker(target: first, seed: options.seed, tally: Tally(path: worker), keep: options.keep)
          .run(options.from..<options.cases)
      } else {
        mkdir(options.keep, 0o700)
        guard run(targets, options) else { return fail("see above; inputs are kept in \(options.keep)", workspace) }
      }
    }

    /// - Returns: Whether every parser kept every promise.
    private static func run(_ targets: [FuzzTarget], _ options: Options) -> Bool {
      print("seed \(options.seed)")
      row("parser", "inputs", "accepted", "refused", "traps", "too slow", "too large", "slowest s", "peak MiB")
      var misses: [String] = []
      for target in targets {
        let report = Supervisor(
          target: target, cases: options.cases, seed: options.seed, keep: options.keep
        ).run()
        row(
          target.name, "\(report.cases)", "\(report.accepted)", "\(report.refused)", "\(report.traps)",
          "\(report.tooSlow)", "\(report.tooLarge)", "\((report.slowest * 1000).rounded() / 1000)",
          "\(report.peak >> 20)")
        misses += report.misses
        // A mutator whose every input is refused at the door, or accepted, tests nothing.
        if report.accepted == 0 || report.refused == 0 {
          misses.append("\(target.name): expected inputs of both kinds, accepted and refused")
        }
      }
      for miss in misses { print(miss) }
      return misses.isEmpty
    }

    private static func row(_ name: String, _ cells: String...) {
      func pad(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) }
      print(name + pad(name, 22) + cells.map { pad($0, 10) + $0 }.joined())
      fflush(nil)
    }

    private static func fail(_ message: String, _ workspace: Workspace) {
      print("FuzzParsers: \(message)")
      workspace.remove()
      exit(1)
    }
  }

  private struct Options {
    var cases = 2_000
    var seed: UInt64 = 1
    var parser: String?
    var keep = "/tmp/distill-ddp-fuzz"
    var file: String?
    /// Of a worker: where its tally is, and its first case.
    var worker: String?
    var from = 0

    init(_ arguments: ArraySlice<String>) {
      var rest = arguments
      while let name = rest.popFirst() {
        guard let value = rest.popFirst() else { Self.misused("\(name): expected a value") }
        switch name {
        case "--cases": cases = Int(value) ?? cases
        case "--seed": seed = UInt64(value) ?? seed
        case "--parser": parser = value
        case "--keep": keep = value
        case "--file": file = value
        case "--worker": worker = value
        case "--from": from = Int(value) ?? from
        default: Self.misused("\(name): no such option")
        }
      }
    }

    private static func misused(_ message: String) -> Never {
      print("FuzzParsers: \(message)")
      exit(64)
    }
  }
#endif
