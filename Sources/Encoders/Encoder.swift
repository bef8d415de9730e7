import Kernels
import Text

/// An encoder with a classification head: its configuration and where its parameters lie. Weights are elsewhere.
package struct Encoder: Sendable {
  package let configuration: EncoderConfiguration
  package let parameters: EncoderParameters

  /// Appends the model's parameters to `layout`.
  package init(_ configuration: EncoderConfiguration, layout: inout ParameterLayout) {
    self.configuration = configuration
    parameters = EncoderParameters(configuration, layout: &layout)
  }

  /// The weights of the linear maps that `taps` needs.
  package func linearWeights(for taps: TapSelection) -> [Slot] {
    let layers = parameters.layers.prefix(taps.depth(of: configuration)).flatMap {
      [$0.qkv.weight, $0.attentionOutput.weight, $0.intermediate.weight, $0.output.weight]
    }
    let backbone = [parameters.embeddingsProjection?.weight].compactMap { $0 } + layers
    guard taps.readsHead else { return backbone }
    return backbone + [parameters.headDense?.weight].compactMap { $0 }
      + (taps.contains(.logits)
        ? [parameters.classifier?.weight, parameters.vectorDense?.weight].compactMap { $0 } : [])
  }

  /// Runs the layers that `taps` needs over a packed batch, without keeping what a backward pass would need.
  ///
  /// - Parameters:
  ///   - packed: the linear maps' weights once more, in the order in which products read them.
  ///   - team: threads that share the pass; the caller's leads them.
  package func infer(
    _ batch: Batch, weights: ParameterBuffer, packed: PackedWeights? = nil, taps: TapSelection, arena: Arena,
    team: PassTeam? = nil
  ) -> Taps {
    let context = PassContext(batch: batch, weights: weights, packed: packed, arena: arena, team: team)
    return run(context, taps, keeps: false).taps
  }

  /// Runs the layers that `taps` needs and keeps what `EncoderPass.backward` needs. Dropout applies where a key is
  /// given.
  package func forward(
    _ batch: Batch, weights: ParameterBuffer, packed: PackedWeights? = nil, taps: TapSelection, arena: Arena,
    dropout: DropoutKey?
  ) -> EncoderPass {
    run(
      PassContext(batch: batch, weights: weights, packed: packed, arena: arena, dropoutKey: dropout), taps,
      keeps: true)
  }

  /// The last layer's output at each sentence's first token, which is all that the head reads. (sentences, hidden)
  package func firstTokens(_ batch: Batch, weights: ParameterBuffer, arena: Arena) -> Matrix {
    let context = PassContext(batch: batch, weights: weights, packed: nil, arena: arena)
    guard let head = run(context, [.logits], keeps: false).head else { preconditionFailure("logits have a head") }
    return head.cls
  }

  /// Runs the head alone, given what the encoder computed before; of the pass's gradients only the head's are there.
  package func forwardHead(
    _ batch: Batch, firstTokens: Matrix, weights: ParameterBuffer, arena: Arena, dropout: DropoutKey?
  ) -> EncoderPass {
    let context = PassContext(batch: batch, weights: weights, packed: nil, arena: arena, dropoutKey: dropout)
    let logits = arena.matrix(batch.sentences, configuration.outputs)
    let head = classificationHead.forward(logits: logits, cls: firstTokens, context)
    let taps = Taps([.logits: .matrix(logits), .pooled: .matrix(head.pooled)])
    return EncoderPass(
      encoder: self, context: context, taps: taps, embeddings: nil, layers: [], finalSum: nil, head: head,
      lastHidden: nil)
  }

  /// A pass's context with what its layers share of positions.
  private func withPositions(_ context: PassContext) -> PassContext {
    var context = context
    context.positionBias = parameters.positionBias.map {
      PositionBias(context.weights[$0], context.batch, arena: context.arena)
    }
    context.relativePositions = RelativePositions(configuration, slots: parameters, context)
    if case .rotary(let globalBase, let localBase) = configuration.attentionPositions {
      let longest = (0..<context.batch.sentences).map(context.batch.length).max() ?? 0
      for (sight, base) in [(LayerSight.global, globalBase), (.local, localBase)] {
        context.rotations[sight] = Rotation(
          positions: longest, headSize: configuration.headSize, base: base, arena: context.arena)
      }
    }
    return context
  }

  private func run(_ context: PassContext, _ selection: TapSelection, keeps: Bool) -> EncoderPass {
    let arena = context.arena
    let context = withPositions(context)
    let depth = selection.depth(of: configuration)
    let (tokens, width) = (context.batch.tokens.count, configuration.hiddenSize)
    var taps = Taps()
    // Allocated before anything temporary, so that giving scratch back leaves them.
    let logits =
      selection.contains(.logits)
      ? arena.matrix(configuration.headRows.count(in: context.batch), configuration.outputs) : nil
    for layer in selection[.scores] {
      taps[.scores(layer)] = .maps(AttentionMaps(context.batch, heads: configuration.heads, arena: arena))
    }
    let shared = keeps ? nil : (0..<2).map { _ in arena.matrix(tokens, width) }
    // Without a backward pass two buffers take turns, except where a tap keeps a hidden state.
    func hiddenState(_ layer: Int) -> Matrix {
      if let shared, !selection.contains(.hidden(layer)) { return shared[layer % 2] }
      return arena.matrix(tokens, width)
    }
    var hidden = hiddenState(0)
    let embeddings = Embeddings(slots: parameters, configuration: configuration)
    let embedded = embeddings.forward(out: hidden, context)
    if selection.contains(.hidden(0)) { taps[.hidden(0)] = .matrix(hidden) }

    var layers: [EncoderLayer.Activations] = []
    var finalSum: (sum: Matrix, statistics: LayerNormStatistics)?
    for index in 0..<depth {
      let work = selection.work(at: index + 1, of: configuration)
      let out: Matrix? =
        switch work.output {
        case .all: hiddenState(index + 1)
        case .first: arena.matrix(context.batch.sentences, width)
        case nil: nil
        }
      let slots = parameters.layers[index].qkv
      let kept = selection.readsProjections(at: index + 1) ? QKV(work.need, slots: slots, context) : nil
      let mark = arena.mark
      let qkv = kept ?? QKV(work.need, slots: slots, context)
      let activations = layer(index).forward(
        out: out, rows: work.output ?? .all, input: hidden, qkv: qkv, need: work.need,
        keepsProjections: kept != nil, scores: taps[.scores(index + 1)]?.maps, context)
      if keeps { layers.append(activations) } else { arena.reset(to: mark) }
      for kind in Tap.Kind.projections {
        let tap = Tap(kind, layer: index + 1)
        if selection.contains(tap) { taps[tap] = .matrix(qkv.parts[kind]) }
      }
      hidden = out ?? hidden
      if index == configuration.layers - 1, let out, let norm = parameters.finalNorm {
        let statistics = LayerNormStatistics(rows: out.rows, arena: arena)
        hidden = keeps ? arena.matrix(out.rows, width) : out
        context.layerNorm(out: hidden, sum: out, residual: nil, norm, configuration, statistics)
        finalSum = (out, statistics)
      }
      if selection.contains(.hidden(index + 1)) { taps[.hidden(index + 1)] = .matrix(hidden) }
    }
    var head: ClassificationHead.Activations?
    if selection.readsHead {
      // The last layer gave each sentence's first token only, or a tap wanted all.
      let readsAll = configuration.headRows == .all
      let cls =
        readsAll || hidden.rows == context.batch.sentences
        ? hidden : configuration.pooled(hidden, context)
      let activations = classificationHead.forward(logits: logits, cls: cls, context)
      if selection.contains(.pooled) { taps[.pooled] = .matrix(activations.pooled) }
      taps[.logits] = logits.map(TapValue.matrix)
      head = activations
    }
    return EncoderPass(
      encoder: self, context: context, taps: taps, embeddings: embedded, layers: layers, finalSum: finalSum,
      head: head, lastHidden: selection.readsHead ? hidden : nil)
  }

  fileprivate func layer(_ index: Int) -> EncoderLayer {
    EncoderLayer(configuration: configuration, slots: parameters.layers[index], index: index)
  }

  fileprivate var classificationHead: ClassificationHead {
    ClassificationHead(configuration: configuration, slots: parameters)
  }
}

/// A finished forward pass and what its backward pass needs, all in one arena.
package final class EncoderPass {
  private let encoder: Encoder
  private let context: PassContext
  package let taps: Taps
  /// `nil` where the head ran alone.
  private let embeddings: Embeddings.Activations?
  private let layers: [EncoderLayer.Activations]
  /// What the norm behind the last layer read, where there is one.
  private let finalSum: (sum: Matrix, statistics: LayerNormStatistics)?
  fileprivate let head: ClassificationHead.Activations?
  /// What the head pools; `nil` where it did not run, or ran alone.
  private let lastHidden: Matrix?

  fileprivate init(
    encoder: Encoder, context: PassContext, taps: Taps, embeddings: Embeddings.Activations?,
    layers: [EncoderLayer.Activations], finalSum: (sum: Matrix, statistics: LayerNormStatistics)?,
    head: ClassificationHead.Activations?, lastHidden: Matrix?
  ) {
    self.encoder = encoder
    self.context = context
    self.taps = taps
    self.embeddings = embeddings
    self.layers = layers
    self.finalSum = finalSum
    self.head = head
    self.lastHidden = lastHidden
  }

  /// Zeroed gradients of this pass's taps, for losses to add to.
  package func makeGradients() -> TapGradients { TapGradients(taps, batch: context.batch, arena: context.arena) }

  /// Adds the gradient of every parameter to `gradient`, given those of the taps, which are used up.
  ///
  /// - Parameters:
  ///   - headOnly: stops below the pooler, for a frozen encoder.
  ///   - atLastHidden: told the gradient of the last layer's output, where a loss reaches it: of all tokens, or of each
  ///     sentence's first where no more is read.
  ///   - completed: told on the way from which place in the layout on `gradient` is what it will be.
  package func backward(
    _ d: TapGradients, gradient: ParameterBuffer, headOnly: Bool, atLastHidden: (Matrix) -> Void = { _ in },
    completed: (_ start: Int) -> Void = { _ in }
  ) {
    var current: Matrix?
    let (dLogits, dPooled) = (d[.logits]?.matrix, d[.pooled]?.matrix)
    if dLogits != nil || dPooled != nil, let head {
      let rows = encoder.configuration.headRows.count(in: context.batch)
      let dCls = headOnly ? nil : context.arena.matrix(rows, width)
      encoder.classificationHead.backward(
        dLogits: dLogits, dPooled: dPooled, dCls: dCls, head, gradient: gradient, context)
      current = dCls
    }
    guard !headOnly, let embeddings else { return }
    let slots = encoder.parameters
    var context = context
    context.dPositionBias = context.positionBias?.makeGradient(arena: context.arena)
    context.dRelativePositions = context.relativePositions.map { context.arena.zeros($0.rows.count, width) }
    completed(slots.headRange.lowerBound)
    // Nothing above the highest layer that a loss reaches has a gradient.
    let top = current == nil ? d.highestLayer : layers.count
    if let dCls = current, encoder.configuration.headRows == .first, layers.last?.output?.rows != .first {
      current = zeros()
      if let all = current, let lastHidden {
        encoder.configuration.poolingBackward(dHidden: all, dOut: dCls, hidden: lastHidden, context)
      }
    }
    for index in stride(from: top - 1, through: 0, by: -1) {
      if let tap = d[.hidden(index + 1)]?.matrix {
        let sum = current ?? zeros()
        add(tap, to: sum)
        current = sum
      }
      if index == layers.count - 1, let current { atLastHidden(current) }
      if index == layers.count - 1, let norm = slots.finalNorm, let finalSum, let current {
        // hidden = LayerNorm(sum)
        context.layerNormBackward(d: current, sum: finalSum.sum, norm, gradient, finalSum.statistics)
      }
      current = encoder.layer(index).backward(d: current, layers[index], d, gradient: gradient, context)
      completed(slots.layers[index].range.lowerBound)
    }
    let dEmbedded = current ?? zeros()
    if let tap = d[.hidden(0)]?.matrix { add(tap, to: dEmbedded) }
    if let dTable = context.dRelativePositions {
      context.relativePositions?.backward(dTable: dTable, slots: slots, gradient, context)
    }
    if let table = slots.positionBias { context.dPositionBias?.add(toTable: gradient[table]) }
    Embeddings(slots: slots, configuration: encoder.configuration).backward(
      d: dEmbedded, embeddings, gradient: gradient, context)
  }

  private var width: Int { encoder.configuration.hiddenSize }
  private func zeros() -> Matrix { context.arena.zeros(context.batch.tokens.count, width) }
}
