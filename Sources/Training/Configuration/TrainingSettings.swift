/// How parameters are updated, for how long; a stage inherits all of it and overrides what it names.
package struct TrainingSettings: Sendable, Equatable {
  /// How long a stage trains.
  package enum Duration: Sendable, Equatable {
    case epochs(Int)
    /// Optimizer steps, over as many epochs as that takes (`maxSteps`).
    case steps(Int)
  }

  /// How a global batch is cut.
  package enum MicroBatches: Sendable, Equatable {
    /// One for each worker thread of all ranks, or more where they would grow too long.
    case auto
    /// Into this many, whatever the number of ranks and threads.
    case count(Int)
  }

  /// What happens at a step whose loss or gradient is not finite.
  package enum NonFinite: String, Sendable, CaseIterable {
    case stop
    /// Leaves weights and moments as they are and goes on with the next batch.
    case skip
  }

  /// Sentences an optimizer step, over all ranks.
  package var batchSize = 32
  package var duration = Duration.epochs(3)
  package var optimizer = OptimizerSettings.adamW(AdamWSettings())
  /// The schedule's peak.
  package var learningRate: Double = 1e-4
  package var schedule = ScheduleSettings()
  /// Gradients are scaled down to this global norm; `nil` leaves them as they are.
  package var maxGradientNorm: Double? = 1
  /// Whether each epoch visits the rows in an order of its own.
  package var shuffle = true
  /// Whether the rows of a group are in one batch where it has room for them; `nil` where they are compared.
  package var keepGroups: Bool?
  package var microBatches = MicroBatches.auto
  /// What products round their factors to.
  package var precision = TrainingPrecision.float32
  /// How gradients travel between ranks.
  package var wirePrecision = WirePrecision.float32
  /// Who adds them up.
  package var gradientSum = SumMethod.tree
  /// Whether an epoch's short last batch is skipped.
  package var dropLast = false
  /// Each layer's learning rate is this times the next layer's, the top layer's this times the head's, and the
  /// embeddings' this times the first layer's.
  package var layerDecay = 1.0
  /// Steps between validations, each of which may write a checkpoint; `nil` validates at the end of each epoch.
  package var validateEverySteps: Int?
  package var earlyStopping = EarlyStopping()
  package var nonFinite = NonFinite.stop
  /// Steps of a stage that may be skipped before it stops after all.
  package var maxSkippedSteps = 10

  package init() {}
}

/// The rule that turns a gradient into an update.
package enum OptimizerSettings: Sendable, Equatable {
  case adamW(AdamWSettings)
  /// The learning rate times the gradient, nothing else.
  case sgd

  /// As written in a configuration.
  package enum Kind: String, Sendable, CaseIterable {
    case adamw
    case sgd
  }

  package var kind: Kind {
    switch self {
    case .adamW: .adamw
    case .sgd: .sgd
    }
  }
}

/// Adam with decoupled weight decay.
package struct AdamWSettings: Sendable, Equatable {
  /// Not applied to biases and LayerNorm.
  package var weightDecay: Double = 5e-5
  package var eps: Double = 1e-8
  /// The decay rate of the gradient's mean.
  package var beta1: Double = 0.9
  /// The decay rate of the gradient's square.
  package var beta2: Double = 0.999

  package init() {}
}

/// How the learning rate rises and falls over a stage.
package struct ScheduleSettings: Sendable, Equatable {
  /// After warm-up.
  package enum Kind: String, Sendable, CaseIterable {
    /// Down to 0 at the stage's end.
    case linear
    /// Half a cosine, down to 0 at the stage's end.
    case cosine
    case constant
  }

  /// The linear rise from 0.
  package enum Warmup: Sendable, Equatable {
    /// A share of the stage's steps, in [0, 1).
    case fraction(Double)
    /// Steps, from 1.
    case steps(Int)
  }

  package var kind = Kind.linear
  package var warmup = Warmup.fraction(0.1)

  package init() {}
}
