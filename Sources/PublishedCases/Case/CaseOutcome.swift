// Running a case: every step from its set-up, then a verdict for each claim.

import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats

/// What a step gave.
public struct StepOutcome: Sendable {
  /// The step.
  public let step: CaseStep
  /// Its parts, called `step` or `step.part`.
  public let values: [(name: String, value: CaseValue)]
}

/// What became of a claim.
public struct ClaimOutcome: Sendable {
  /// The claim.
  public let claim: CaseClaim
  /// What was computed; nil where the claim is not computable.
  public let computed: CaseValue?
  /// The verdict found.
  public let verdict: CaseVerdict

  /// Whether the verdict is the one that the file states.
  public var isAsExpected: Bool { verdict == claim.verdict }
}

/// What became of a case.
public struct CaseOutcome: Sendable {
  /// The case.
  public let publishedCase: PublishedCase
  /// Steps in order.
  public let steps: [StepOutcome]
  /// Claims in order.
  public let claims: [ClaimOutcome]

  /// Whether every verdict is the one that the file states.
  public var isAsExpected: Bool { claims.allSatisfy(\.isAsExpected) }
}

extension PublishedCase {
  /// Computes every step and judges every claim.
  ///
  /// - Parameter threads: for experiments; no byte of the result depends on it.
  /// - Throws: ``CaseError/notComputed(case:step:reason:)``; what an experiment throws.
  public func run(threads: Int = 1) throws -> CaseOutcome {
    var scope = CaseScope(
      values: Dictionary(uniqueKeysWithValues: setup.numbers.map { ($0.name, $0.value) }), threads: threads)
    var outcomes: [StepOutcome] = []
    for step in steps {
      let found = try place(step.name) { try step.computation.run(scope) }
      let values = step.computation.parts.map { part in
        (name: CaseStep.fullName(step.name, part), value: found[part]!)
      }
      for (name, value) in values { scope.values[name] = value }
      outcomes.append(StepOutcome(step: step, values: values))
    }
    let judged = try claims.map { claim in
      try place("claim '\(claim.says)'") { try claim.judged(scope) }
    }
    return CaseOutcome(publishedCase: self, steps: outcomes, claims: judged)
  }

  /// Names the step in what it throws.
  private func place<Result>(_ step: String, _ work: () throws -> Result) throws -> Result {
    do {
      return try work()
    } catch let failure as StepFailure {
      throw CaseError.notComputed(case: name, step: step, reason: failure.reason)
    } catch let error as UndecidedRounding {
      throw CaseError.notComputed(case: name, step: step, reason: error.description)
    }
  }
}

extension CaseClaim {
  fileprivate func judged(_ scope: CaseScope) throws -> ClaimOutcome {
    guard let name = value, let rule else {
      return ClaimOutcome(claim: self, computed: nil, verdict: .notComputable)
    }
    let computed = scope.values[name]!
    return ClaimOutcome(
      claim: self, computed: computed, verdict: try rule.holds(computed, figures) ? .reproduced : .refuted)
  }
}
