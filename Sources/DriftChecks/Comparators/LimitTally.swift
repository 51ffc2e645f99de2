// What one comparator keeps while a tensor passes.

import FloatingPointFormats

/// One comparator's part of a ``DifferenceTally``.
struct LimitTally: Sendable {
  let comparator: TensorComparator
  /// Elements beyond the limit, unexpected ones included; of the flash rule unexpected ones alone, because its limit is known last.
  private(set) var exceeding = 0
  /// The earliest element beyond the limit.
  private(set) var first: WorstElement?
  /// The element that needs the widest limit, with the figure that ``LimitTally/figure(_:)`` gives.
  private(set) var worst: WorstElement?
  /// Of ``TensorComparator/tolerance(absolute:relative:)``, the relative tolerance that would do with this absolute one.
  private(set) var relative = 0.0
  /// Of the flash rule, for each row the greatest figure, and the first unexpected element's infinity; −1 for none.
  private(set) var rowMaxima: [Double] = []
  private let rows: Range<Int>

  init(_ comparator: TensorComparator, rows: Range<Int>) {
    self.comparator = comparator
    self.rows = rows
    if case .flashRule = comparator { rowMaxima = Array(repeating: -1, count: rows.count) }
  }

  /// What the limit is compared with at one element; nil for rules about sums.
  @inline(__always) private func figure(_ element: ComparedElement) -> Double? {
    switch comparator {
    case .bitExact, .mismatches: element.differs ? 1 : 0
    case .ulp: element.ulps
    case .tolerance(_, let relative): element.error - relative * element.reference.magnitude
    case .flashRule(_, let floor): max(0, element.error - floor * element.unit)
    case .normalizedMeanSquare, .cosine: nil
    }
  }

  @inline(__always) mutating func add(_ element: ComparedElement, at place: ElementPlace) {
    guard let figure = figure(element) else { return }
    var isBeyond = false
    switch comparator {
    case .bitExact, .mismatches: isBeyond = element.differs
    case .ulp(let limit): isBeyond = figure > limit
    case .tolerance(let absolute, _):
      isBeyond = figure > absolute
      let rest = element.error - absolute
      if rest > 0 {
        // Widened so that no rounding of the product with |r| falls short of it.
        let needed = rest / element.reference.magnitude * (1 + 0x1p-50)
        if needed > relative { relative = needed }
      }
    case .flashRule:
      let row = place.row - rows.lowerBound
      if figure > rowMaxima[row] { rowMaxima[row] = figure }
    case .normalizedMeanSquare, .cosine: break
    }
    if figure > worst?.figure ?? -.infinity {
      worst = WorstElement(figure: figure, place: place, value: element.value, reference: element.reference)
    }
    guard isBeyond else { return }
    exceeding += 1
    if first == nil {
      first = WorstElement(figure: figure, place: place, value: element.value, reference: element.reference)
    }
  }

  mutating func addUnexpected(_ element: WorstElement) {
    exceeding += 1
    WorstElement.keepFirst(&first, element)
    WorstElement.keep(&worst, element)
    if !rowMaxima.isEmpty { rowMaxima[element.place.row - rows.lowerBound] = .infinity }
  }

  mutating func merge(_ other: LimitTally) {
    exceeding += other.exceeding
    WorstElement.keepFirst(&first, other.first)
    WorstElement.keep(&worst, other.worst)
    relative = max(relative, other.relative)
    for (index, figure) in other.rowMaxima.enumerated() {
      let row = other.rows.lowerBound - rows.lowerBound + index
      if figure > rowMaxima[row] { rowMaxima[row] = figure }
    }
  }

  /// Rows of the flash rule whose figure is above c·M, and the first of them.
  func rows(above limit: Double) -> (count: Int, first: Int?) {
    let beyond = rowMaxima.indices.filter { rowMaxima[$0] > limit }
    return (beyond.count, beyond.first.map { $0 + rows.lowerBound })
  }
}
