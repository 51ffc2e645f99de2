// Operands on which arithmetic goes wrong if it can: random encodings, cancellation, ties and near ties, far exponents,
// subnormals, signed zeros, infinities and NaN.

/// Seeded operands of a format for a + b, a·b and a·b + c.
public struct OperandGenerator {
  private let model: FormatModel
  private var generator: SeededGenerator

  /// A generator for a format from a seed.
  public init(_ model: FormatModel, seed: UInt64) {
    self.model = model
    generator = SeededGenerator(seed: seed)
  }

  /// Any finite value, all encodings alike.
  public mutating func finite() -> Double {
    let magnitude = model.value(generator.next() % (model.largestEncoding + 1))
    return generator.below(2) == 0 ? magnitude : -magnitude
  }

  /// A value with an exponent near zero, so that products neither overflow nor vanish.
  public mutating func moderate() -> Double {
    let half = min(6, model.emax / 2)
    let fraction = generator.next() & ((UInt64(1) << UInt64(model.storedBits)) - 1)
    let significand = 1 + Double(fraction) * exp2i(-model.storedBits)
    let value = significand * exp2i(generator.below(2 * half + 1) - half)
    return generator.below(2) == 0 ? value : -value
  }

  private mutating func special() -> Double {
    let values = [
      0, -0.0, .infinity, -.infinity, .nan, model.smallest, -model.smallest, model.largest, -model.largest,
      exp2i(model.emin), -exp2i(model.emin), exp2i(model.emin) - model.smallest, 1, -1,
    ]
    let value = values[generator.below(values.count)]
    return model.isNaNOnly && value.isInfinite ? 1 : value
  }

  private mutating func neighbour(of x: Double) -> Double {
    let encoding = model.encoding(x.magnitude)
    let steps = UInt64(generator.below(3))
    let moved = generator.below(2) == 0 ? encoding + steps : encoding - min(steps, encoding)
    let magnitude = model.value(min(moved, model.largestEncoding))
    return x < 0 ? -magnitude : magnitude
  }

  /// a, b and c.
  public mutating func triple() -> (Double, Double, Double) {
    switch generator.below(8) {
    case 0, 1: return (finite(), finite(), finite())
    case 2: return (moderate(), moderate(), moderate())
    case 3:
      // a + b and a·b + c cancel to a few units.
      let a = moderate()
      let one = generator.below(2) == 0 ? 1.0 : neighbour(of: 1)
      if generator.below(2) == 0 { return (a, -neighbour(of: a), neighbour(of: -a)) }
      return (a, one, neighbour(of: -a))
    case 4:
      // a·b is half a unit of c, or a unit in the last place of a more or less: ties and near ties.
      let c = moderate()
      let unit = Int(c.exponent) - model.storedBits
      let left = unit / 2
      let a = neighbour(of: exp2i(max(left, model.emin)))
      let b = exp2i(max(unit - 1 - max(left, model.emin), model.emin - model.storedBits))
      return (a, model.hasSubnormals || b >= exp2i(model.emin) ? b : 1, c)
    case 5:
      // a + b with b half a unit of a, moved.
      let a = moderate()
      let half = max(exp2i(Int(a.exponent) - model.precision), model.smallest)
      let b = neighbour(of: generator.below(2) == 0 ? half : -half)
      return (a, b, generator.below(2) == 0 ? model.smallest : -model.smallest)
    case 6:
      // The smallest and largest values against moderate ones.
      return (moderate(), generator.below(2) == 0 ? model.smallest : model.largest, finite())
    default: return (special(), generator.below(3) == 0 ? moderate() : special(), special())
    }
  }
}
