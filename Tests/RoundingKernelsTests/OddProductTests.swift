// Products rounded to odd against the scalar function, and the ways against each other.

import FloatingPointFormats
import RoundingKernels
import TestSupport
import Testing

@Suite("Kernel of products rounded to odd")
struct OddProductTests {
  @Test func productsAreThoseOfTheScalarFunction() {
    var generator = SeededGenerator(seed: 31)
    var numbers: [Double] = [
      0, -0.0, .infinity, -.infinity, .nan, 1, -1, 0x1p-1074, 0x1p-900, 0x1.fffffffffffffp-901, 0x1p1000,
      -0x1p1000, 0x1.0000000000001p1000, .greatestFiniteMagnitude,
    ]
    for index in 0..<500 {
      numbers.append(Double(bitPattern: generator.next()))
      numbers.append(Double(Int64(bitPattern: generator.next())) * exp2i(-index % 100))
      numbers.append(Double(Float(Int32(truncatingIfNeeded: generator.next()))))
    }
    let factors: [Double] = [
      0.08838834764831845, 0.125, -0.3, 1, 0, -0.0, .infinity, .nan, 0x1p-800, -0x1p800, 0x1.921fb54442d18p0,
    ]
    var sweep = Sweep()
    for factor in factors {
      let expected = numbers.map { productRoundedToOdd($0, factor) }
      for way in ways {
        for count in [0, 1, 7, numbers.count] {
          var products = [Double](repeating: 0, count: count)
          let unfit = ropedrift_products_rounded_to_odd(numbers, factor, count, way, &products)
          sweep.check(unfit == expected.prefix(count).count { $0 == nil }, "unfit products by \(factor)")
          for (index, product) in expected.prefix(count).enumerated() {
            guard let product else { continue }
            sweep.check(
              products[index].bitPattern == product.bitPattern || products[index].isNaN && product.isNaN,
              "\(shown(numbers[index])) times \(factor): got \(products[index]), expected \(product)")
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 20_000), "\(sweep)")
  }
}
