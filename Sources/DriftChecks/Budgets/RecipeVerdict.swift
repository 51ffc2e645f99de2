// The verdict on a recipe: its description is the failure message of a test.

import ArbitraryPrecision
import DriftAnalysis
import DriftReporting
import EmulatedEngine
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import TensorIO

/// What a ``RecipeCheck`` found.
public struct RecipeVerdict: Sendable, CustomStringConvertible {
  /// The first limit that is exceeded, looked at closely.
  public struct Failure: Sendable {
    /// What was exceeded.
    public let result: LimitResult
    /// Query position minus key position at the worst place; nil where the figure has none.
    public let distance: Int?
    /// The exact logit at the worst place, rounded to binary64; nil where the figure has no place or no exact value.
    public let reference: Double?
    /// The recipe's logit there, rounded to binary64 where it is exact.
    public let got: Double?
    /// Stages with the share of the mean square that each gives when it is rounded alone, greatest first; empty where that was not
    /// measured.
    public let shares: [(stage: String, share: Double)]
    /// What the shares are of: `logit_error`, `logit_drift`.
    public let sharesOf: StageQuantity?
  }

  /// What was checked.
  public let check: RecipeCheck
  /// One a limit, in the order of the budget.
  public let results: [LimitResult]
  /// NaNs and infinities of the input.
  public let nonFiniteInput: [NonFiniteInput]
  /// The first limit that is exceeded; nil where the check passes.
  public let failure: Failure?

  /// Whether every limit holds and every value is finite.
  public var passes: Bool { results.allSatisfy(\.passes) }

  /// The whole verdict: `PASS …` in one line, or the failure message with a replay command on the input as it is spelled.
  public var description: String {
    text(replay: ReplayCommand(input: check.problem.input.spelling, flags: ["--recipe", check.recipe.name]))
  }

  /// The verdict in words.
  ///
  /// - Parameter replay: input and flags of the command that shows the worst score stage by stage.
  public func text(replay: ReplayCommand) -> String {
    let name = "\(check.problem.input.spelling)/\(check.recipe.name)"
    guard let failure else {
      let closest = results.compactMap { result -> (Double, LimitResult)? in
        guard let figure = result.figure, let limit = Rational(result.limit.limit), limit.sign > 0,
          !result.limit.metric.isLowerBound
        else { return nil }
        return (figure / FloatingPointFormat.fp64.rounded(limit.exactValue), result)
      }.max { $0.0 < $1.0 }
      let margin = closest.map { share, result in
        "; closest \(result.limit.words) at \(DecimalText.shortest(result.figure!))"
      }
      return
        "PASS \(name): \(results.count) of \(results.count) limits of \(check.budget.origin)\(margin ?? "")"
    }
    let result = failure.result
    var lines: [String] = []
    let figure = result.figure.map(DecimalText.shortest) ?? "not defined"
    var head = "FAIL \(name): \(result.limit.metric.name) \(figure) (budget \(result.limit.limit.text))"
    if let place = result.place {
      head += " at layer \(place.layer) head \(place.head) query \(place.query) key \(place.key)"
      if let distance = failure.distance { head += ", distance \(distance)" }
    } else {
      head += ", \(result.limit.words)"
    }
    lines.append(head)
    let failing = results.count { !$0.passes }
    if failing > 1 {
      lines.append(
        "  \(failing) of \(results.count) limits of \(check.budget.origin) are exceeded; this is the first")
    }
    if result.nonfiniteCount > 0 {
      let input = nonFiniteInput.filter { $0.count.total > 0 }.map { "\($0.tensor) holds \($0.count.total)" }
      lines.append(
        "  \(result.nonfiniteCount) values are NaN or infinite, on either side\(input.isEmpty ? "; the input is finite" : " (input: \(input.joined(separator: ", ")))")"
      )
    }
    if let reference = failure.reference, let got = failure.got {
      var line = "  reference \(hexadecimalFloat(reference))   got \(hexadecimalFloat(got))"
      if let top = failure.shares.first, let quantity = failure.sharesOf {
        line += "   stage share of \(quantity.rawValue): \(top.stage) \(Self.percent(top.share))"
        for other in failure.shares.dropFirst().prefix(2) {
          line += ", \(other.stage) \(Self.percent(other.share))"
        }
      }
      lines.append(line)
    }
    if let figure = result.figure, result.nonfiniteCount == 0 {
      lines.append(
        "  would pass with \(result.limit.metric.name) \(result.limit.metric.isLowerBound ? "≥" : "≤") \(DecimalText.shortest(figure))"
      )
    }
    if let place = result.place { lines.append("  replay: \(replayLine(place, replay))") }
    return lines.joined(separator: "\n")
  }

  private static func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }

  private func replayLine(_ place: PairPlace, _ replay: ReplayCommand) -> String {
    let (query, key) = check.positions(of: place)
    return replay.score(
      layer: place.layer, head: place.head, query: place.query, key: place.key, queryPosition: query,
      keyPosition: key)
  }

  /// The verdict for programs.
  public func json(replay: ReplayCommand) -> JSONValue {
    [
      "verdict": .string(passes ? "pass" : "fail"), "recipe": .string(check.recipe.name),
      "budget": check.budget.json, "origin": .string(check.budget.origin),
      "message": .string(text(replay: replay)),
      "limits": .array(
        results.map { result in
          [
            "limit": .string(result.limit.words), "passes": .boolean(result.passes),
            "figure": result.figure.map(JSONValue.number) ?? .null,
            "nonfinite": .integer(result.nonfiniteCount),
            "at": result.place.map {
              [
                "layer": .integer($0.layer), "head": .integer($0.head), "query": .integer($0.query),
                "key": .integer($0.key),
              ]
            } ?? .null,
          ]
        }),
      "failure": failure.map { failure in
        [
          "limit": .string(failure.result.limit.words),
          "distance": failure.distance.map(JSONValue.integer) ?? .null,
          "reference": failure.reference.map(JSONValue.number) ?? .null,
          "got": failure.got.map(JSONValue.number) ?? .null,
          "shares_of": failure.sharesOf.map { .string($0.rawValue) } ?? .null,
          "shares": .array(
            failure.shares.map { ["stage": .string($0.stage), "share": .number($0.share)] }),
        ]
      } ?? .null,
    ]
  }

  /// One test case a limit.
  public func junit(replay: ReplayCommand) -> JUnitReport {
    JUnitReport(
      suite: "ropedrift check",
      properties: [
        ("recipe", check.recipe.name), ("budget", check.budget.origin),
        ("input", check.problem.input.spelling),
      ],
      cases: results.map { result in
        let message =
          "\(result.limit.words): \(result.figure.map(DecimalText.shortest) ?? "not defined")"
          + (result.nonfiniteCount > 0 ? ", \(result.nonfiniteCount) values not finite" : "")
        return JUnitReport.Case(
          group: check.recipe.name, name: result.limit.words,
          outcome: result.passes
            ? .passed
            : .failed(
              message: message, text: result == failure?.result ? text(replay: replay) : message))
      })
  }
}

extension RecipeCheck {
  /// Heads of more tokens are not attributed: the command for that is `attribute`.
  static let attributedTokens = 4096

  /// Positions of a pair at the shift at which errors are taken.
  func positions(of place: PairPlace) -> (query: Int, key: Int) {
    // The place was measured on this input.
    let layer = try! problem.input.shape(ofLayer: place.layer)
    let shift = budget.shifts.first
    return (place.query + layer.keyTokens - layer.queryTokens + shift, place.key + shift)
  }

  /// A closer look at an exceeded limit.
  func failure(_ result: LimitResult, _ results: DriftResults, threads: Int) throws -> RecipeVerdict.Failure {
    guard let place = result.place else {
      return RecipeVerdict.Failure(
        result: result, distance: nil, reference: nil, got: nil, shares: [], sharesOf: nil)
    }
    let layer = try problem.input.shape(ofLayer: place.layer)
    let keyHead = layer.kvHead(ofQueryHead: place.head)
    let query = try problem.input.read(
      .query, layer: place.layer, head: place.head, tokens: place.query..<place.query + 1)
    let key = try problem.input.read(
      .key, layer: place.layer, head: keyHead, tokens: place.key..<place.key + 1)
    let (queryPosition, keyPosition) = positions(of: place)
    let emulation = results.recipes[0].emulation
    let reference = try ReferenceProblem(
      embedding: problem.embedding, scale: problem.scale, softcap: problem.softcap,
      angles: problem.usesStoredFrequencies
        ? ExactAngles(units: emulation.frequencies.compactMap(\.exactReal)) : nil
    ).relativeFormScore(
      query: query, key: key, queryPosition: queryPosition, keyPosition: keyPosition)
    let got = try emulation.score(
      query: query, key: key, queryPosition: queryPosition, keyPosition: keyPosition,
      queryPlace: VectorPlace(.query, token: place.query, layer: place.layer, head: place.head),
      keyPlace: VectorPlace(.key, token: place.key, layer: place.layer, head: keyHead),
      pair: ScorePlace(query: place.query, key: place.key, layer: place.layer, head: place.head))
    let (shares, quantity) = try shares(result, place, tokens: layer.keyTokens, threads: threads)
    return RecipeVerdict.Failure(
      result: result, distance: queryPosition - keyPosition,
      reference: try reference.map { FloatingPointFormat.fp64.rounded(try $0.exactValue()) },
      got: try got.logit.binary64(), shares: shares, sharesOf: quantity)
  }

  private func shares(
    _ result: LimitResult, _ place: PairPlace, tokens: Int, threads: Int
  ) throws -> ([(stage: String, share: Double)], StageQuantity?) {
    guard tokens <= Self.attributedTokens else { return ([], nil) }
    let isError = if case .error = result.limit.metric.kind { true } else { false }
    let quantity: StageQuantity =
      switch (isError, result.limit.metric.space) {
      case (true, .logit): .logitError
      case (true, .probability): .probabilityError
      case (false, .logit): .logitDrift
      case (false, .probability): .probabilityDrift
      }
    var part = problem
    part.layers = [place.layer]
    part.heads = [place.head]
    guard let attribution = try? StageAttribution(part, recipes: [recipe]) else { return ([], nil) }
    let found = try attribution.run(threads: threads).recipes[0]
    let shares = found.variants.stages.indices.compactMap { stage in
      found.comparisons[0].all.share(quantity, ofStage: stage).map {
        (stage: found.variants.stages[stage].name, share: $0)
      }
    }
    return (shares.sorted { $0.share > $1.share }.filter { $0.share > 0 }, quantity)
  }
}
