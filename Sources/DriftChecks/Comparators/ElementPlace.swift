// Where an element stands: by row of positions first, because that is what a reader asks for first.

/// The place of an element of a tensor.
public struct ElementPlace: Sendable, Hashable, Comparable {
  /// The token (of tables and rotated vectors) or the query (of logits, probabilities, output), counted in the tensor.
  public let row: Int
  /// The element's index in row-major order.
  public let index: Int

  /// A place.
  public init(row: Int, index: Int) {
    self.row = row
    self.index = index
  }

  /// Rows ascending, in a row the elements in order.
  public static func < (a: ElementPlace, b: ElementPlace) -> Bool { (a.row, a.index) < (b.row, b.index) }
}

/// The element at which a figure is greatest, and the earliest such place.
public struct WorstElement: Sendable, Hashable {
  /// The figure.
  public let figure: Double
  /// Where.
  public let place: ElementPlace
  /// The tensor's value there.
  public let value: Double
  /// The reference there, rounded to binary64.
  public let reference: Double

  /// Keeps the greater figure, of equal ones the earlier place.
  static func keep(_ current: inout WorstElement?, _ other: WorstElement?) {
    guard let other else { return }
    guard let known = current else {
      current = other
      return
    }
    if other.figure > known.figure || other.figure == known.figure && other.place < known.place {
      current = other
    }
  }

  /// Keeps the earlier place.
  static func keepFirst(_ current: inout WorstElement?, _ other: WorstElement?) {
    guard let other else { return }
    if current.map({ other.place < $0.place }) ?? true { current = other }
  }
}
