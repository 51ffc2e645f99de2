// What a comparator says of a tensor: pass or fail, where, how many, what was allowed there, and what would have passed.

import FloatingPointFormats

/// The answer of one comparator.
public struct ComparatorResult: Sendable {
  /// The rule.
  public let comparator: TensorComparator
  /// Whether every condition holds and nothing was unexpected.
  public let passes: Bool
  /// The figure that the limit was compared with; nil where no element defines it.
  public let figure: Double?
  /// The element that decides; nil for rules about sums and where there is no element.
  public let worst: WorstElement?
  /// The earliest row that fails; nil where none does, and for rules about sums unless an element was unexpected.
  public let firstFailingRow: Int?
  /// Elements beyond the limit; of the flash rule rows that hold such an element.
  public let exceedingCount: Int
  /// Whether ``exceedingCount`` counts rows.
  public let countsRows: Bool
  /// |t − r| that the rule allows at the worst element; nil for rules about sums and encodings.
  public let allowedAtWorst: Double?
  /// The least limits of this kind that the tensor would have passed, each alone, as the comparator's spellings; empty where none
  /// would: unexpected values, encodings that differ under bit-exact, no figure.
  public let minimumTolerance: [TensorComparator]
  /// Why it fails where the figure does not say it.
  public let remark: String?
}

extension DifferenceTally {
  /// The comparators' answers.
  ///
  /// - Parameter recipeError: M of the flash rule: the recipe's greatest |error| over the same elements; nil where it has none, and
  ///   then the flash rule fails with a remark.
  public func results(recipeError: Double?) -> [ComparatorResult] {
    limits.map { result($0, recipeError) }
  }

  private func result(_ limit: LimitTally, _ recipeError: Double?) -> ComparatorResult {
    let isClean = unexpectedCount == 0
    let unexpected =
      isClean
      ? nil
      : "\(unexpectedCount) value\(unexpectedCount == 1 ? " is" : "s are") NaN or infinite where the reference is finite, or the other way round"
    func make(
      _ holds: Bool, figure: Double?, minimum: [TensorComparator], allowed: Double? = nil,
      remark: String? = nil,
      exceeding: Int? = nil, countsRows: Bool = false, firstRow: Int? = nil
    ) -> ComparatorResult {
      ComparatorResult(
        comparator: limit.comparator, passes: holds && isClean, figure: figure, worst: limit.worst,
        firstFailingRow: holds && isClean ? nil : firstRow ?? limit.first?.place.row,
        exceedingCount: exceeding ?? limit.exceeding, countsRows: countsRows, allowedAtWorst: allowed,
        minimumTolerance: isClean ? minimum : [], remark: unexpected ?? remark)
    }
    let worst = limit.worst
    let unit = worst.flatMap { format.unitInLastPlace(at: $0.reference) }
    switch limit.comparator {
    case .bitExact:
      return make(
        mismatchCount == 0, figure: Double(mismatchCount),
        minimum: mismatchCount == 0 ? [.bitExact] : [.mismatches(mismatchCount)])
    case .mismatches(let most):
      return make(
        mismatchCount <= most, figure: Double(mismatchCount), minimum: [.mismatches(mismatchCount)])
    case .ulp(let most):
      let figure = worst?.figure ?? 0
      return make(
        figure <= most, figure: figure, minimum: figure.isFinite ? [.ulp(figure)] : [],
        allowed: unit.map { most * $0 },
        remark: figure.isFinite ? nil : "the reference lies above the range of \(format.spelling)")
    case .tolerance(let absolute, let relative):
      let figure = max(0, worst?.figure ?? 0)
      var minimum: [TensorComparator] = [.tolerance(absolute: figure, relative: relative)]
      if limit.relative.isFinite {
        minimum.append(.tolerance(absolute: absolute, relative: limit.relative))
      }
      return make(
        figure <= absolute, figure: figure, minimum: minimum,
        allowed: worst.map { absolute + relative * $0.reference.magnitude })
    case .flashRule(let factor, let floor):
      guard let recipeError else {
        return make(
          false, figure: nil, minimum: [], remark: "the recipe has no finite value to compare with",
          exceeding: 0,
          countsRows: true)
      }
      let figure = worst?.figure ?? 0
      let allowed = factor * recipeError
      let beyond = limit.rows(above: allowed)
      let needed = figure == 0 ? 0 : figure / recipeError * (1 + 0x1p-51)
      return make(
        beyond.count == 0, figure: figure,
        minimum: needed.isFinite ? [.flashRule(factor: needed, floor: floor)] : [],
        allowed: allowed + floor * (unit ?? 0),
        remark: needed.isFinite ? nil : "the recipe's own error is zero, so that no factor would do",
        exceeding: beyond.count, countsRows: true, firstRow: beyond.first)
    case .normalizedMeanSquare(let most):
      guard let figure = normalizedMeanSquare else {
        return make(
          finiteCount == 0 || worstAbsolute?.figure == 0, figure: nil, minimum: [],
          remark: "Σreference² is zero or beyond binary64")
      }
      return make(figure <= most, figure: figure, minimum: [.normalizedMeanSquare(figure)])
    case .cosine(let least):
      guard let figure = cosine else {
        return make(
          finiteCount == 0 || worstAbsolute?.figure == 0, figure: nil, minimum: [],
          remark: "a sum of squares is zero or beyond binary64")
      }
      return make(figure >= least, figure: figure, minimum: [.cosine(figure)])
    }
  }
}
