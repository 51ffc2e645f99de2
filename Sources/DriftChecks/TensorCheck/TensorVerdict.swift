// The verdict on another implementation's tensors: pass or fail, the first stage and position that fail, and what to distrust.

import ArbitraryPrecision
import FloatingPointFormats
import RotaryAttention
import TensorIO

/// One rule that a tensor breaks.
public struct TensorFailure: Sendable {
  /// `accuracy` or `parity`.
  public let question: RequiredAgreement
  /// The tensor.
  public let tensor: CheckedTensor
  /// The rule's answer.
  public let result: ComparatorResult
}

/// What a ``TensorCheck`` found.
public struct TensorVerdict: Sendable {
  /// What was checked.
  public let check: TensorCheck
  /// Every tensor, layers ascending, in each the stages in order.
  public let tensors: [CheckedTensor]
  /// Guesses at the cause of a failure that were tried on a few rows and fit, as sentences.
  public let hints: [String]
  /// The length for which the model is made; nil where no model was named.
  public var modelLength: Int?

  init(_ check: TensorCheck, _ tensors: [CheckedTensor], hints: [String]) {
    self.check = check
    self.tensors = tensors
    self.hints = hints
  }

  /// Whether every tensor is as accurate as asked.
  public var passesAccuracy: Bool { tensors.allSatisfy(\.passesAccuracy) }
  /// Whether every tensor agrees with the recipe as asked; a tensor that the recipe does not have does not.
  public var passesParity: Bool { tensors.allSatisfy(\.passesParity) }

  /// Whether the check passes by what decides.
  public var passes: Bool {
    switch check.require {
    case .accuracy: passesAccuracy
    case .parity: passesParity
    case .both: passesAccuracy && passesParity
    }
  }

  /// The failures of a question in the order in which data passes the stages, then by layer: the first one names the culprit, the
  /// others may follow from it. A rule that fails without a row comes after one of its tensor that names it.
  public func failures(_ question: RequiredAgreement) -> [TensorFailure] {
    let order = Dictionary(uniqueKeysWithValues: CheckedStage.allCases.enumerated().map { ($1, $0) })
    let sorted = tensors.enumerated().sorted { a, b in
      let (first, second) = (order[a.element.tensor.kind]!, order[b.element.tensor.kind]!)
      return first == second ? a.offset < b.offset : first < second
    }
    return sorted.flatMap { _, tensor in
      var failures: [TensorFailure] = []
      if question != .parity {
        failures += tensor.accuracy.filter { !$0.passes }.map {
          TensorFailure(question: .accuracy, tensor: tensor, result: $0)
        }
      }
      if question != .accuracy {
        failures += tensor.parity.filter { !$0.passes }.map {
          TensorFailure(question: .parity, tensor: tensor, result: $0)
        }
      }
      return failures.filter { $0.result.firstFailingRow != nil }
        + failures.filter { $0.result.firstFailingRow == nil }
    }
  }

  /// The first failure by what decides; nil where the check passes, and where only tensors fail that the recipe does not have.
  public var firstFailure: TensorFailure? { failures(check.require).first }

  /// What the figures do not say and a reader should know.
  public var warnings: [String] {
    var warnings: [String] = []
    let (least, greatest) = (check.kernel.positions.min() ?? 0, check.kernel.positions.max() ?? 0)
    let reach = max(least.magnitude, greatest.magnitude)
    if let modelLength {
      if reach < modelLength - 1 {
        warnings.append(
          "the tested positions end at \(greatest), and the model reaches \(modelLength - 1): errors of angles grow with position; add a run whose positions are the last ones"
        )
      }
    } else if reach < Self.smallReach {
      warnings.append(
        "no position beyond \(greatest) is tested, and no model says how far is enough: errors of angles grow with position; name the model with --model, and test at its length"
      )
    }
    if !check.kernel.hasPositions {
      warnings.append(
        "\(check.kernel.file) holds no positions: taken as \(least) to \(greatest)")
    }
    return warnings + contradictions
  }

  /// What the tensors' own metadata says of the embedding and the check does not.
  private var contradictions: [String] {
    let embedding = check.embedding
    func same(_ theirs: String, _ ours: NumberLiteral) -> Bool {
      guard let stored = try? NumberLiteral(theirs), let a = Rational(stored), let b = Rational(ours) else {
        return false
      }
      return a == b
    }
    func scaling(_ text: String) -> RotaryScaling? {
      text == "none" ? RotaryScaling.none : try? RotaryScaling(spelling: text)
    }
    let fields: [(key: String, ours: String, agrees: (String) -> Bool)] = [
      (
        AttentionInput.Metadata.layout, embedding.layout.rawValue,
        { $0 == embedding.layout.rawValue }
      ),
      (AttentionInput.Metadata.base, embedding.base.text, { same($0, embedding.base) }),
      (
        AttentionInput.Metadata.rotarySize, String(embedding.rotarySize),
        { Int($0) == embedding.rotarySize }
      ),
      (
        AttentionInput.Metadata.scaling, embedding.scaling.isDefault ? "none" : embedding.scaling.spelling,
        { scaling($0) == embedding.scaling }
      ),
    ]
    return fields.compactMap { field in
      guard let theirs = check.kernel.metadata[field.key], !field.agrees(theirs) else { return nil }
      return
        "\(check.kernel.file) says \(field.key) '\(theirs)', and it is checked with '\(field.ours)'"
    }
  }

  /// Positions below which a test says little: fp16 and bf16 positions and angles are still exact or nearly so.
  static let smallReach = 2048
}
