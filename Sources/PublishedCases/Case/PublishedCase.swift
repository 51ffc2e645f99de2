// A published case: what somebody reported, the set-up it was reported for, and what this package makes of it.

import EmulatedEngine
import FloatingPointFormats
import Foundation

/// What became of a published claim.
public enum CaseVerdict: String, Sendable, Hashable, CaseIterable {
  /// The computed value agrees with the published figure by the claim's rule.
  case reproduced
  /// It does not.
  case refuted
  /// The text does not say enough to compute it here; the claim's reason says what is missing.
  case notComputable
}

/// A claim of a published text.
public struct CaseClaim: Sendable {
  /// What the text says, in other words where no figure is quoted.
  public let says: String
  /// The figures as the text writes them; empty where there is none.
  public let published: [String]
  /// The numbers that the rule compares with; the published figures unless stated.
  public let figures: [NumberLiteral]
  /// Name of the step's value that is compared; nil where the claim is not computable.
  public let value: String?
  /// How computed and published are compared.
  public let rule: ClaimRule?
  /// The verdict that this package stands by.
  public let verdict: CaseVerdict
  /// Why it is not computable, or what else is to be said.
  public let reason: String?
  /// What had to be assumed because the text does not say it.
  public let assumption: String?
  /// Independently computed digits of the value, for tests; empty where there are none.
  public let expected: [NumberLiteral]
}

/// A step of a case.
public struct CaseStep: Sendable {
  /// Its name.
  public let name: String
  /// What it computes: one of ``CaseComputations/descriptions``.
  public let compute: String
  let computation: any CaseComputation
}

/// A published case.
public struct PublishedCase: Sendable {
  /// The name a user types.
  public let name: String
  /// One line.
  public let title: String
  /// Repository or paper.
  public let repository: String
  /// The thread's or paper's place in it.
  public let thread: String
  /// Its address; nil where none is known.
  public let url: String?
  /// The date of the text, where known.
  public let date: String?
  /// How the figures were read, where that needs saying.
  public let note: String?
  /// Numbers, embeddings, tables.
  public let setup: CaseSetup
  /// What is computed, in order.
  public let steps: [CaseStep]
  /// What the text claims.
  public let claims: [CaseClaim]

  /// Whether a step measures the shipped sample for longer than a table should take.
  public var isExperiment: Bool { steps.contains { type(of: $0.computation).isExperiment } }
}
