import Encoders
import Kernels

/// `RelationMiniLM`: Σ KL(R_T ‖ R_S) over layer pairs, relations, heads and tokens, R = softmax(X·Xᵀ/√headSize) within a
/// sentence and relation head, X being queries, keys or values, split anew into as many heads in both models (Wang et
/// al., 2021, MiniLMv2, eqs. 3 and 4). Widths and the models' own heads may differ.
///
/// `ValMiniLM` is that of the values alone, in the models' own heads (Wang et al., 2020, MiniLM, eq. 4).
struct RelationDivergence: Adaptor {
  private static let valueLayers = AdaptorOption.layers(from: 1)
  private static let layers = AdaptorOption.layers(from: 1, default: .top)
  private static let allRelations = [Tap.Kind.queries, .keys, .values].map(\.rawValue)
  private static let relations = AdaptorOption(
    "relations", .words(allRelations), default: .words(allRelations), "what is related to itself")
  private static let heads = AdaptorOption(
    "heads", .integer(1...4096), default: .integer(48), "relation heads; they divide both widths")

  static let valuesKind = AdaptorKind(
    "ValMiniLM", learns: "relations between values, by KL divergence", options: [valueLayers]
  ) { context in
    RelationDivergence(
      pairs: try context.pairs(valueLayers), relations: [.values], heads: try context.requireEqualHeads(), context)
  }

  static let kind = AdaptorKind(
    "RelationMiniLM", learns: "relations between queries, keys and values, by KL divergence, in any number of heads",
    options: [layers, relations, heads]
  ) { context in
    let heads = context.settings.integer(heads)
    let (student, teacher) = (context.student.hiddenSize, context.teacher.hiddenSize)
    guard student % heads == 0, teacher % heads == 0 else {
      let fitting = (1...64).last { student % $0 == 0 && teacher % $0 == 0 } ?? 1
      throw AdaptorError(
        context.name,
        "heads: expected a divisor of both widths, \(student) and \(teacher), found \(heads); \(fitting) is one")
    }
    return RelationDivergence(
      pairs: try context.pairs(layers),
      relations: context.settings.words(relations).compactMap(Tap.Kind.init), heads: heads, context)
  }

  let name: String
  let pairs: [LayerPair]
  private let relations: [Tap.Kind]
  private let heads: Int
  private let studentWidth: Int
  private let teacherWidth: Int

  private init(pairs: [LayerPair], relations: [Tap.Kind], heads: Int, _ context: AdaptorContext) {
    name = context.name
    self.pairs = pairs
    self.relations = relations
    self.heads = heads
    (studentWidth, teacherWidth) = (context.student.hiddenSize, context.teacher.hiddenSize)
  }

  var studentTaps: TapSelection { taps(pairs.map(\.student)) }
  var teacherTaps: TapSelection { taps(pairs.map(\.teacher)) }

  private func taps(_ layers: [Int]) -> TapSelection {
    relations.reduce(into: TapSelection()) { $0.formUnion(TapSelection($1, layers: layers)) }
  }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * relations.count * heads * counts.tokens) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork {
    var work = NecessaryWork()
    // X·Xᵀ of both models, and (dR + dRᵀ)·X.
    let width = Double((backward ? 2 : 1) * studentWidth + teacherWidth)
    work.attention = Double(pairs.count * relations.count) * 2 * text.squares * width
    return work
  }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let arena = pair.arena
    var total = 0.0
    for relation in relations {
      for layers in pairs {
        let tap = Tap(relation, layer: layers.student)
        let teacher = pair.teacher.matrix(Tap(relation, layer: layers.teacher))
        let student = pair.student.matrix(tap)
        let dStudent = pair.dStudent?.matrix(tap)
        for sentence in 0..<pair.batch.sentences {
          let rows = pair.batch.starts[sentence]..<pair.batch.starts[sentence + 1]
          for head in 0..<heads {
            let mark = arena.mark
            defer { arena.reset(to: mark) }
            let own = columns(head, of: studentWidth)
            let x = student.rows(rows).columns(own)
            let t = relations(teacher.rows(rows).columns(columns(head, of: teacherWidth)), arena)
            let s = relations(x, arena)
            let dRelations = dStudent.map { _ in arena.tile(rows.count, rows.count) }
            dRelations?.fill(0)
            total += klDivergence(teacher: t, student: s, d: dRelations, scale: Float(scale))
            if let dRelations, let d = dStudent?.rows(rows).columns(own) {
              relationsBackward(d: d, dRelations: dRelations, x: x, arena)
            }
          }
        }
      }
    }
    return total
  }

  private func columns(_ head: Int, of width: Int) -> Range<Int> {
    head * (width / heads)..<(head + 1) * (width / heads)
  }

  /// X·Xᵀ/√headSize. x: (length, head size), result: (length, length)
  private func relations(_ x: Matrix, _ arena: Arena) -> Matrix {
    let out = arena.tile(x.rows, x.rows)
    let transposed = arena.tile(x.columns, x.rows)
    transposeTile(transposed, from: x)
    tileProduct(out, x, .no, transposed, scale: 1 / Float(x.columns).squareRoot())
    return out
  }

  /// d += (dR + dRᵀ)·X/√headSize. Forward: R = X·Xᵀ/√headSize.
  private func relationsBackward(d: Matrix, dRelations: Matrix, x: Matrix, _ arena: Arena) {
    let tile = arena.tile(x.rows, x.columns)
    let product = arena.tile(x.rows, x.columns)
    let scale = 1 / Float(x.columns).squareRoot()
    gatherTile(tile, from: x)
    tileProduct(product, dRelations, .no, tile, scale: scale)
    tileProduct(product, dRelations, .yes, tile, scale: scale, accumulate: true)
    add(product, to: d)
  }
}
