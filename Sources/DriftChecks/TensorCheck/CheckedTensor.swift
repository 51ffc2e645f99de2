// What was found about one tensor.

import FloatingPointFormats
import RotaryAttention

/// One tensor of another implementation with the answers of every comparator.
public struct CheckedTensor: Sendable {
  /// The tensor.
  public let tensor: KernelTensor
  /// It against the exact reference.
  public let differences: DifferenceTally
  /// The recipe's own tensor against the exact reference; nil where the recipe has none.
  public let recipeDifferences: DifferenceTally?
  /// It against the recipe's; nil where the recipe has none.
  public let parityDifferences: DifferenceTally?
  /// Rules about the error against the exact reference.
  public let accuracy: [ComparatorResult]
  /// Rules about agreement with the recipe; empty where the recipe has no such tensor.
  public let parity: [ComparatorResult]
  /// What has to be known to read the figures.
  public let remarks: [String]

  /// The tensor's name.
  public var name: String { tensor.tensor.name }
  /// Whether every rule about accuracy holds.
  public var passesAccuracy: Bool { accuracy.allSatisfy(\.passes) }
  /// Whether there is a recipe's tensor and every rule about parity holds.
  public var passesParity: Bool { !parity.isEmpty && parity.allSatisfy(\.passes) }

  init(_ tensor: KernelTensor, _ source: RecipeSource, _ tallies: TensorTallies, _ check: TensorCheck) {
    self.tensor = tensor
    differences = tallies.accuracy
    let hasRecipe = source.emulation != nil
    recipeDifferences = hasRecipe ? tallies.recipe : nil
    parityDifferences = hasRecipe ? tallies.parity : nil
    accuracy = tallies.accuracy.results(recipeError: hasRecipe ? tallies.recipe.worstAbsolute?.figure : nil)
    parity = hasRecipe ? tallies.parity.results(recipeError: nil) : []
    remarks = Self.remarks(tensor, source, tallies, check)
  }

  private static func remarks(
    _ tensor: KernelTensor, _ source: RecipeSource, _ tallies: TensorTallies, _ check: TensorCheck
  ) -> [String] {
    var remarks: [String] = []
    let own = tensor.format.spelling
    if source.emulation == nil {
      remarks.append(
        "recipe \(check.recipe.name) gives no \(tensor.kind.rawValue) that one rounding would store: parity and the flash rule cannot be answered"
      )
    } else if let formats = source.formats {
      let names = formats.map(\.spelling).joined(separator: " and ")
      if !formats.allSatisfy({ $0.isSubset(of: tensor.format) }) {
        remarks.append(
          "the recipe stores \(names) and the tensor is \(own), which does not hold all of its values: parity compares values, and differs wherever rounding to \(own) would change one"
        )
      } else if !formats.contains(tensor.format) {
        remarks.append("the recipe stores \(names) and the tensor is \(own): parity compares values")
      }
    } else if !check.recipe.stores(tensor.kind) {
      remarks.append(
        "the recipe stores no \(tensor.kind.rawValue) (an online softmax, or no stage of its own): what its arithmetic stands for was rounded to \(own) for the comparison"
      )
    } else {
      remarks.append(
        "the recipe leaves \(tensor.kind.rawValue) unrounded: its values were rounded to \(own) for the comparison"
      )
    }
    if tensor.kind.stage == "table", let own = tallies.recipe.worstAbsolute?.figure, own > 0x1p-4,
      check.accuracy.contains(where: { $0.name == "flash" })
    {
      remarks.append(
        "the recipe itself is off by up to \(own) at these positions, so that the flash rule allows much: hold the tensor to ulp or allclose too, or to a recipe with better angles"
      )
    }
    if tallies.recipe.unexpectedCount > 0 {
      remarks.append(
        "the recipe itself gives \(tallies.recipe.unexpectedCount) values that are NaN or infinite where the reference is finite; its greatest error is over the others"
      )
    }
    if tallies.accuracy.equalNonFiniteCount > 0 {
      remarks.append(
        "\(tallies.accuracy.equalNonFiniteCount) elements have no exact value, because the input holds NaN or infinities there, and are NaN in the tensor too"
      )
    }
    remarks += tooNarrow(tensor, tallies.accuracy)
    if tallies.referenceBound > 0x1p-6 {
      remarks.append(
        "the reference of \(tensor.kind.rawValue) is known within \(tallies.referenceBound) units in the last place of \(own) somewhere: smaller errors mean nothing there"
      )
    }
    if tensor.kind == .logits, tensor.format == .fp64 {
      remarks.append(
        "the reference of logits is correctly rounded to binary64, so that errors of this tensor are known to half a unit in its last place"
      )
    }
    return remarks
  }

  /// Fixed tolerances below half a unit in the last place of the result: nobody can meet them but by luck.
  private static func tooNarrow(_ tensor: KernelTensor, _ tally: DifferenceTally) -> [String] {
    guard let unit = tensor.format.unitInLastPlace(at: tally.largestReference) else { return [] }
    let largest = tally.largestReference
    return tally.comparators.compactMap { comparator in
      let allowed: Double
      switch comparator {
      case .tolerance(let absolute, let relative): allowed = absolute + relative * largest
      case .ulp(let limit): allowed = limit * unit
      default: return nil
      }
      guard allowed < unit / 2 else { return nil }
      return
        "\(comparator.spelling) allows \(allowed) at the greatest reference \(largest), where half a unit in the last place of \(tensor.format.spelling) is \(unit / 2): a correctly rounded result can fail it; widen the tolerance, or compare in ulp"
    }
  }
}

extension KernelTensor {
  /// Indices of an element, outermost first.
  public func coordinates(ofIndex index: Int) -> [Int] {
    var rest = index
    var coordinates: [Int] = []
    for extent in tensor.shape.reversed() {
      coordinates.append(rest % extent)
      rest /= extent
    }
    return coordinates.reversed()
  }

  /// The token of the input that a row of the tensor belongs to.
  public func token(ofRow row: Int) -> Int {
    switch kind {
    case .cosine, .sine, .rotatedKey: row
    case .rotatedQuery, .logits, .probabilities, .output: row + layer.keyTokens - layer.queryTokens
    }
  }

  /// The place in words: `head 3, query 17 (position 17), key 0 (position 0), distance 17`.
  public func words(for place: ElementPlace, positions: [Int]) -> String {
    let at = coordinates(ofIndex: place.index)
    let token = token(ofRow: place.row)
    let position = "(position \(positions[token]))"
    switch kind {
    case .cosine, .sine:
      let pairs = tensor.shape[1] / (pairing == .single ? 1 : 2)
      let pair = pairing == .neighbours ? at[1] / 2 : at[1] % pairs
      return "token \(token) \(position), pair \(pair)"
    case .rotatedQuery: return "head \(at[0]), query \(at[1]) \(position), channel \(at[2])"
    case .rotatedKey: return "key head \(at[0]), key \(at[1]) \(position), channel \(at[2])"
    case .logits, .probabilities:
      return
        "head \(at[0]), query \(at[1]) \(position), key \(at[2]) (position \(positions[at[2]])), distance \(positions[token] - positions[at[2]])"
    case .output: return "head \(at[0]), query \(at[1]) \(position), channel \(at[2])"
    }
  }
}
