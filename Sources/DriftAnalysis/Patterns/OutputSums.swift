// The difference of outputs of attention, o = Σ P·v: emulated against certified, and between two shifts or two layouts of one mask.

/// The coordinates of one element of an output.
public struct OutputPlace: Sendable, Hashable {
  /// The layer's number.
  public let layer: Int
  /// The query head's number.
  public let head: Int
  /// The query's index in the file.
  public let query: Int
  /// The channel.
  public let channel: Int
}

/// Sums over elements of outputs of a difference e; as ``DifferenceSums``, which it is made of.
public struct OutputSums: Sendable, Hashable {
  /// Elements, means and maxima; the `key` of a place is a channel.
  var elements = DifferenceSums()

  /// The sums over no element.
  public init() {}

  /// Elements: queries times channels, over all heads.
  public var count: Int { elements.count }
  /// Elements whose difference is NaN or infinite; no sum holds them.
  public var nonfiniteCount: Int { elements.nonfiniteCount }
  /// max|e|; nil without a finite e.
  public var maximum: Double? { elements.maximum }
  /// Mean |e|.
  public var mean: Double? { elements.mean }
  /// √(Σe²/n).
  public var rootMeanSquare: Double? { elements.rootMeanSquare }
  /// The first element in the order layer, head, query, channel that has ``maximum``.
  public var maximumPlace: OutputPlace? {
    elements.maximumPlace.map {
      OutputPlace(layer: $0.layer, head: $0.head, query: $0.query, channel: $0.key)
    }
  }

  mutating func add(_ difference: Double, layer: Int, head: Int, query: Int, channel: Int) {
    elements.add(difference, at: PairPlace(layer: layer, head: head, query: query, key: channel))
  }

  mutating func merge(_ other: OutputSums) { elements.merge(other.elements) }
}

/// Error of emulated outputs against certified ones, e = emulated − certified.
public struct OutputErrorSums: Sendable, Hashable {
  /// Elements, means, maxima.
  public internal(set) var absolute = OutputSums()
  /// The greatest proven bound on a certified element's own error, over elements with a finite e; nil without one.
  public internal(set) var greatestBound: Double?
  /// The first element whose |e| is greatest: the bound on its certified value.
  public internal(set) var boundAtMaximum: Double?
  var referenceSquares = CompensatedSum()

  /// The sums over no element.
  public init() {}

  /// NMSE = Σe²/Σcertified²; nil where the divisor is zero or squares leave binary64's range.
  public var normalizedMeanSquare: Double? {
    let sums = absolute.elements
    guard sums.finiteCount > 0, let square = sums.square,
      DifferenceSums.holdsSquares(square, ofMaximum: sums.maximum), referenceSquares.value.isFinite
    else { return nil }
    return Concentration.quotient(square.value, referenceSquares.value)
  }

  /// ``boundAtMaximum`` / max|e|: which part of the greatest error could be the certified value's own; nil where that error is zero or missing.
  public var boundPart: Double? { Concentration.quotient(boundAtMaximum, absolute.maximum) }

  mutating func add(
    emulated: Double, certified: Double, bound: Double, layer: Int, head: Int, query: Int, channel: Int
  ) {
    let error = emulated - certified
    let before = absolute.maximum
    absolute.add(error, layer: layer, head: head, query: query, channel: channel)
    guard error.isFinite else { return }
    referenceSquares.add(certified * certified)
    greatestBound = max(greatestBound ?? bound, bound)
    if before.map({ error.magnitude > $0 }) ?? true { boundAtMaximum = bound }
  }

  mutating func merge(_ other: OutputErrorSums) {
    guard other.absolute.count > 0 else { return }
    let ours = absolute.maximumPlace
    absolute.merge(other.absolute)
    if absolute.maximumPlace != ours { boundAtMaximum = other.boundAtMaximum }
    referenceSquares.add(other.referenceSquares)
    greatestBound = [greatestBound, other.greatestBound].compactMap { $0 }.max()
  }
}

/// Two layouts of one mask: the same rows with keys at other places, which only cuts tiles, lanes and blocks in another way.
public struct PlacementSums: Sendable, Hashable {
  /// Probabilities that were compared.
  public internal(set) var probabilities = 0
  /// Those whose bits differ.
  public internal(set) var differingProbabilities = 0
  /// Outputs that were compared: vectors of d channels; 0 without values.
  public internal(set) var outputs = 0
  /// Outputs of which an element's bits differ.
  public internal(set) var differingOutputs = 0
  /// Elements whose bits differ.
  public internal(set) var differingElements = 0
  /// The greatest finite magnitude of a difference of elements; nil without one.
  public internal(set) var greatestDifference: Double?

  /// The sums over nothing.
  public init() {}

  mutating func merge(_ other: PlacementSums) {
    probabilities += other.probabilities
    differingProbabilities += other.differingProbabilities
    outputs += other.outputs
    differingOutputs += other.differingOutputs
    differingElements += other.differingElements
    greatestDifference = [greatestDifference, other.greatestDifference].compactMap { $0 }.max()
  }

  /// Takes in a row of probabilities in both layouts.
  mutating func add(
    probabilities first: UnsafeBufferPointer<Double>, _ second: UnsafeBufferPointer<Double>
  ) {
    probabilities += first.count
    for index in first.indices where first[index].bitPattern != second[index].bitPattern {
      differingProbabilities += 1
    }
  }

  /// Takes in an output in both layouts.
  mutating func add(outputs first: UnsafeBufferPointer<Double>, _ second: UnsafeBufferPointer<Double>) {
    outputs += 1
    var differing = 0
    for index in first.indices {
      // A NaN has no sign or payload that says anything.
      if first[index].isNaN, second[index].isNaN { continue }
      if first[index].bitPattern != second[index].bitPattern { differing += 1 }
      let difference = (first[index] - second[index]).magnitude
      if difference.isFinite { greatestDifference = max(greatestDifference ?? 0, difference) }
    }
    differingElements += differing
    if differing > 0 { differingOutputs += 1 }
  }
}
