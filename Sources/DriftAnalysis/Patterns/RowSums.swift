// What is measured of whole rows beside drift and error of single pairs: outputs, top keys, mass on first tokens.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention

/// Figures of rows over the queries of a head, of a layer or of all. Figures of outputs are over no element where the input has no values.
public struct RowTotals: Sendable, Hashable {
  /// Emulated outputs at Δ₁ against certified ones.
  public internal(set) var outputError = OutputErrorSums()
  /// Emulated outputs at Δ₁ minus those at Δ₂.
  public internal(set) var outputDrift = OutputSums()
  /// Rank flips of the top key.
  public internal(set) var topKeys = TopKeySums()
  /// Mass on token 0 from all queries that see it and are not it.
  public internal(set) var anchorMass = AttentionMass()
  /// The same rows in the other layout of the mask; over nothing where it has none.
  public internal(set) var placement = PlacementSums()

  /// The figures over no query.
  public init() {}

  mutating func merge(_ other: RowTotals) {
    outputError.merge(other.outputError)
    outputDrift.merge(other.outputDrift)
    topKeys.merge(other.topKeys)
    anchorMass.merge(other.anchorMass)
    placement.merge(other.placement)
  }
}

/// Figures of rows with the masses of single documents.
struct RowSums: Sendable {
  var totals = RowTotals()
  /// Mass on each document's first token, from all queries that see it and are not it.
  var firstTokens: DocumentMasses
  /// Mass on token 0 from each document's queries.
  var anchor: DocumentMasses

  init(documents: Int) {
    firstTokens = DocumentMasses(documents: documents)
    anchor = firstTokens
  }

  mutating func reset() {
    totals = RowTotals()
    firstTokens.reset()
    anchor.reset()
  }

  mutating func merge(_ later: RowSums) {
    totals.merge(later.totals)
    firstTokens.merge(later.firstTokens)
    anchor.merge(later.anchor)
  }
}

/// Rows of one recipe under one pattern.
public struct RowResults: Sendable {
  /// By layer and head, as heads of a report.
  public internal(set) var heads: [RowTotals] = []
  /// By layer.
  public internal(set) var layers: [RowTotals] = []
  /// Over all layers and heads.
  public internal(set) var total = RowTotals()
  /// Over all layers and heads, by document: mass on its first token, from all queries that see it and are not it.
  public internal(set) var firstTokenMasses: [AttentionMass] = []
  /// Over all layers and heads, by document: mass on token 0 from its queries.
  public internal(set) var anchorMasses: [AttentionMass] = []
}

/// Collects the tiles of one recipe, heads ascending by layer, then by head.
struct RowCollector {
  private(set) var results = RowResults()
  private var head: RowSums
  private var total: RowSums
  private var layer: Int?

  init(documents: Int) {
    head = RowSums(documents: documents)
    total = head
  }

  mutating func beginHead() { head.reset() }

  mutating func append(_ tile: RowSums) { head.merge(tile) }

  mutating func finishHead(layer: Int) {
    results.heads.append(head.totals)
    if self.layer != layer { results.layers.append(RowTotals()) }
    self.layer = layer
    results.layers[results.layers.count - 1].merge(head.totals)
    total.merge(head)
    results.total = total.totals
    results.firstTokenMasses = total.firstTokens.masses
    results.anchorMasses = total.anchor.masses
  }
}

/// Which rows are measured, and with what.
struct RowMeasurement: Sendable {
  let firstTokens: FirstTokens
  let layout: DocumentLayout
  /// The chosen layers that have values.
  let layersWithValues: Set<Int>
  /// Whether rows are computed in the other layout of an anchored mask too.
  let comparesPlacement: Bool
  /// One a recipe.
  let stages: [RowAttention]
  /// Emulations of which each stands for all with its operands of values.
  let values: [Emulation]
  /// For each recipe its index into ``values``.
  let valuesOfRecipe: [Int]

  init(_ experiment: DriftExperiment, comparesPlacement: Bool) throws {
    layout = experiment.pattern.documents
    firstTokens = FirstTokens(layout)
    layersWithValues = Set(try experiment.layersWithValues)
    self.comparesPlacement = comparesPlacement
    stages = experiment.emulations.map(RowAttention.init)
    var values: [Emulation] = []
    var known: [[RoundingChain]: Int] = [:]
    valuesOfRecipe = experiment.emulations.map { emulation in
      let key = [emulation.recipe.input, emulation.recipe.output?.valueOperand ?? .exact]
      if let index = known[key] { return index }
      known[key] = values.count
      values.append(emulation)
      return values.count - 1
    }
    self.values = values
  }
}
