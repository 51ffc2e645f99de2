// The fast tier of tables against the plain tier, bit for bit, and its errors against correctly rounded ones.

import ArbitraryPrecision
import FloatingPointFormats
import ReferenceEngine
import RotaryAttention
import RoundingKernels
import TestSupport
import Testing

@testable import EmulatedEngine

@Suite struct FastTableErrorTests {
  static let subsets: [TableStages] =
    [.all] + TableStages.ordered.map(\.stage)
    + TableStages.ordered.map { TableStages.all.subtracting($0.stage) }

  /// What the fast tier knows: the named recipes, wider and doubly rounded stages, exact ones.
  static let recipes: [Recipe] = {
    func vary(_ name: String, _ change: (inout Recipe) -> Void) -> Recipe {
      var recipe = try! RecipeRegistry.named("fp32")
      recipe.name = name
      change(&recipe)
      return recipe
    }
    return RecipeRegistry.all + [
      vary("fp64") {
        $0.inverseFrequency.rounding = RoundingChain([.fp64])
        $0.position = RoundingChain([.fp64])
        $0.angle.rounding = RoundingChain([.fp64])
        $0.trig.rounding = RoundingChain([.fp64])
        $0.table = RoundingChain([.fp64])
      },
      vary("fp64 frequency, fp32 angle") { $0.inverseFrequency.rounding = RoundingChain([.fp64]) },
      vary("angle fp32 then bf16") {
        $0.angle.rounding = RoundingChain([.fp32, .bf16])
        $0.trig.rounding = RoundingChain([.fp32, .fp16])
      },
      vary("exact angle, bf16 position") {
        $0.position = RoundingChain([.bf16])
        $0.angle.rounding = .exact
      },
      vary("exact position and frequency, bf16 angle") {
        $0.inverseFrequency.rounding = .exact
        $0.position = .exact
        $0.angle.rounding = RoundingChain([.bf16])
        $0.table = RoundingChain([.bf16])
      },
      vary("exact trig") {
        $0.trig.rounding = .exact
        $0.table = RoundingChain([.fp16])
      },
    ]
  }()

  /// Binade borders, the end of binary16, 2^24, beyond a million, the last positions there are.
  static let starts = [
    0, 2304, 65_280, 1 << 20, (1 << 24) - 256, (1 << 31) + 12_800, (1 << 40) + 1024, (1 << 53) - 255,
  ]

  private static func embedding(_ base: String, _ scaling: RotaryScaling = .none) throws -> RotaryEmbedding {
    try RotaryEmbedding(headSize: 8, base: NumberLiteral(base), layout: .halfSplit, scaling: scaling)
  }

  @Test(arguments: recipes) func tablesAreThoseOfThePlainTier(recipe: Recipe) throws {
    let seed = UInt64(recipe.name.utf8.reduce(7) { $0 &* 31 &+ Int($1) } & 0xFFFF)
    var generator = SeededGenerator(seed: seed)
    for (base, scaling) in [
      ("10000", RotaryScaling.none), ("500000.5", .none),
      ("10000", try RotaryScaling(spelling: "yarn:factor=4,original=64")),
    ] {
      let embedding = try Self.embedding(base, scaling)
      let reference = try TableErrorReference(recipe: recipe, embedding: embedding, subsets: Self.subsets)
      let fast = try #require(try FastTableErrors(reference, subsets: Self.subsets, threads: 1))
      let block = TableErrorBlock()
      var sweep = Sweep()
      for start in Self.starts {
        let pair = generator.below(4)
        let positions = start...(start + min(255, (1 << 53) - start))
        try fast.forEachBlock(pair: pair, positions: positions, in: block) { block in
          for lane in Set(
            [0, 1, 3, 4].map { block.valid.lowerBound + $0 % block.valid.count } + [
              generator.below(256), 255,
            ])
          where block.valid.contains(lane) {
            let position = block.start + lane
            let entry = try reference.emulation().tableEntry(position: position, pair: pair)
            func compare(_ name: String, _ buffer: UnsafePointer<Lanes>?, _ plain: StageValue) {
              guard let buffer, case .number(let expected) = plain else { return }
              let found = buffer[lane >> 2][lane & 3]
              sweep.check(
                found.bitPattern == expected.bitPattern || found.isNaN && expected.isNaN,
                "\(recipe.name) base \(base) position \(position) pair \(pair): \(name) \(shown(found)), plain \(shown(expected))"
              )
            }
            if embedding.scaling.isDefault || !recipe.trig.rounding.isExact {
              compare("angle", block.storedAngles, entry.angle)
            }
            compare("cos", block.storedTable?.cosine, entry.cosine)
            compare("sin", block.storedTable?.sine, entry.sine)
          }
        }
      }
      #expect(sweep.passed(atLeast: 30), "\(sweep)")
    }
  }

  /// Every error of every set of stages, within the stated bounds of the correctly rounded one.
  @Test(arguments: ["fp32", "hf-fp16", "table-bf16", "table-fp16"])
  func errorsAreThoseOfThePlainTier(name: String) throws {
    let embedding = try Self.embedding("10000", RotaryScaling(spelling: "yarn:factor=4,original=64"))
    let reference = try TableErrorReference(
      recipe: RecipeRegistry.named(name), embedding: embedding, subsets: Self.subsets)
    let fast = try #require(try FastTableErrors(reference, subsets: Self.subsets, threads: 2))
    let block = TableErrorBlock()
    var sweep = Sweep()
    for (start, pair) in [(0, 1), (1_048_320, 0), (1_048_320, 3), (33_024, 2)] {
      try fast.forEachBlock(pair: pair, positions: start...start + 255, in: block) { block in
        for lane in [0, 1, 130, 255] {
          for stages in Self.subsets {
            let position = start + lane
            let angle = try reference.angleError(position: position, pair: pair, stages)
            let foundAngle = block.angleErrors(stages).map { $0[lane >> 2][lane & 3] } ?? 0
            let place = "\(name) position \(position) pair \(pair) stages \(stages.rawValue)"
            sweep.check(
              angle.isNaN && foundAngle.isNaN || abs(foundAngle - angle) <= 0x1p-50 * abs(angle) + 0x1p-78,
              "\(place): angle \(shown(foundAngle)), plain \(shown(angle))")
            let table = try reference.tableError(position: position, pair: pair, stages)
            let greatest = (0..<256).map { lane in
              block.angleErrors(stages).map { abs($0[lane >> 2][lane & 3]) } ?? 0
            }.max()!
            let bound = greatest <= 0x1p-4 ? 0x1p-71 : 0x1p-46
            for (found, expected) in [
              (block.tableErrors(stages)?.cosine[lane >> 2][lane & 3] ?? 0, table.cosine),
              (block.tableErrors(stages)?.sine[lane >> 2][lane & 3] ?? 0, table.sine),
            ] {
              sweep.check(
                found.isNaN && expected.isNaN || abs(found - expected) <= 0x1p-48 * abs(expected) + bound,
                "\(place): table \(shown(found)), plain \(shown(expected))")
            }
          }
        }
      }
    }
    #expect(sweep.passed(atLeast: 500), "\(sweep)")
  }

  /// 2570/10 = 257 lies halfway between two bf16 numbers, which no interval tells; the plain tier knows the rational.
  @Test func exactTiesGoToThePlainTier() throws {
    var recipe = try RecipeRegistry.named("fp32")
    recipe.inverseFrequency.rounding = .exact
    recipe.angle.rounding = RoundingChain([.bf16])
    let reference = try TableErrorReference(recipe: recipe, embedding: Self.embedding("10000"))
    let fast = try #require(try FastTableErrors(reference, subsets: [.all], threads: 1))
    let block = TableErrorBlock()
    try fast.forEachBlock(pair: 1, positions: 2568...2571, in: block) { block in
      #expect(block.fallbacks == 1)
      let angles = try #require(block.storedAngles)
      let lane = 2570 - block.start
      #expect(angles[lane >> 2][lane & 3] == 256)
    }
  }

  @Test func whatTheFastTierDoesNotKnowIsRefused() throws {
    for change in [
      { $0.angle.rounding.rounding = .towardZero },
      { $0.table = RoundingChain([FloatingPointFormat.fp16.saturating], rounding: .up) },
      { $0.trig.rounding = RoundingChain([.fp64, .fp32, .bf16]) },
    ] as [(inout Recipe) -> Void] {
      var recipe = try RecipeRegistry.named("fp32")
      change(&recipe)
      let reference = try TableErrorReference(recipe: recipe, embedding: Self.embedding("10000"))
      #expect(try FastTableErrors(reference, subsets: [.all], threads: 1) == nil)
    }
  }

  /// cos(θ + δ) − cos θ against MPFR, small and large δ of either sign, at the borders of both series.
  @Test func turnsAreWithinTheirBounds() throws {
    var generator = SeededGenerator(seed: 11)
    var sweep = Sweep()
    func exact(_ x: Double) throws -> (Double, Double) {
      let (c, s) = Emulation.cosineAndSine(x)
      return (FloatingPointFormat.fp64.rounded(c), FloatingPointFormat.fp64.rounded(s))
    }
    for index in 0..<200 {
      let theta = Double(generator.below(1 << 20)) / 64
      let exponent = -30 + index % 51
      let delta =
        (index % 2 == 0 ? 1 : -1) * Double(generator.below(1 << 20)) * 0x1p-20
        * Double(
          sign: .plus, exponent: exponent, significand: 1)
      let (cosine, sine) = try exact(theta)
      let real = ExactReal.sum([ExactReal(theta), ExactReal(delta)])
      let change = ExactReal.sum([real.cosine, -ExactReal(theta).cosine])
      let changeOfSine = ExactReal.sum([real.sine, -ExactReal(theta).sine])
      let (c, s, d) = (Lanes(repeating: cosine), Lanes(repeating: sine), Lanes(repeating: delta))
      let isSmall = abs(delta) <= PlainTrigonometry.smallLimit
      let found = isSmall ? PlainTrigonometry.smallTurn(c, s, d) : PlainTrigonometry.turn(c, s, d, .zero)
      let bound = isSmall ? 0x1p-48 * 0.7 * abs(delta) : 0x1p-49
      for (value, wanted) in [(found.0[0], change), (found.1[3], changeOfSine)] where delta != 0 {
        let expected = FloatingPointFormat.fp64.rounded(try wanted.exactValue())
        sweep.check(
          abs(value - expected) <= bound, "θ \(theta), δ \(delta): \(shown(value)), exact \(shown(expected))")
      }
    }
    #expect(sweep.passed(atLeast: 390), "\(sweep)")
  }
}

/// The kernels, with vectors and without, against their plain twin.
@Suite struct TableErrorKernelTests {
  private static let chains: [RoundingChain] = [
    RoundingChain([.bf16]), RoundingChain([.fp16]), RoundingChain([.fp32]), RoundingChain([.fp64]),
    RoundingChain([.fp32, .bf16]), RoundingChain([.fp64, .fp16]),
  ]

  private static func lanes(_ numbers: [Double]) -> [Lanes] {
    stride(from: 0, to: numbers.count, by: 4).map { Lanes(numbers[$0..<$0 + 4]) }
  }

  private static func bits(_ numbers: [Double]) -> [UInt64] { numbers.map(\.bitPattern) }

  /// Values of every size: within the series, beyond them, around rounding borders, zeros, NaN.
  private static func numbers(_ count: Int, below limit: Double, _ generator: inout SeededGenerator)
    -> [Double]
  {
    (0..<count).map { index in
      let significand = Double(generator.below(1 << 30)) * 0x1p-29 - 1
      let special: [Double] = [0, -0.0, .nan, 1, -1, 0x1.01p0, 0x1.0180p0, limit]
      if index % 17 == 16 { return special[generator.below(special.count)] }
      return significand * limit * Double(sign: .plus, exponent: -generator.below(40), significand: 1)
    }
  }

  /// Without vectors, with the widest, with those of AVX2 at most.
  @Test(arguments: [0, 1, 2] as [Int32], chains.indices)
  func tableErrorsAreThoseOfTheTwin(allowsVectors: Int32, index: Int) throws {
    let count = 256
    var generator = SeededGenerator(seed: UInt64(31 + index))
    let (trig, table) = (Self.chains[index], Self.chains[(index + 2) % Self.chains.count])
    let (plainTrig, plainTable) = (PlainChain(trig), PlainChain(table))
    for (isSmall, factor) in [(true, 1.0), (false, 1.0), (false, 1.25)] {
      var angles = Self.numbers(4 * count, below: 1, &generator)
      var lows = Self.numbers(4 * count, below: 0x1p-55, &generator)
      var delta = Self.numbers(count, below: isSmall ? 0x1p-4 : 0x1p21, &generator)
      var deltaLow = delta.map { $0 * 0x1p-54 }
      var outputs = [[Double]](repeating: [Double](repeating: 0, count: count), count: 10)
      var flags = [UInt8](repeating: 9, count: count)
      let bound = 0x1p-45
      let (kernelTrig, kernelTable) = (try #require(LaneChain(trig)), try #require(LaneChain(table)))
      angles.withUnsafeMutableBufferPointer { angles in
        lows.withUnsafeMutableBufferPointer { lows in
          delta.withUnsafeMutableBufferPointer { delta in
            deltaLow.withUnsafeMutableBufferPointer { deltaLow in
              var storage = outputs.flatMap { $0 }
              storage.withUnsafeMutableBufferPointer { storage in
                flags.withUnsafeMutableBufferPointer { flags in
                  func sums(_ index: Int) -> ropedrift_lane_sums {
                    ropedrift_lane_sums(
                      high: angles.baseAddress! + index * count, low: lows.baseAddress! + index * count)
                  }
                  func table(_ index: Int) -> ropedrift_lane_table {
                    ropedrift_lane_table(
                      cosine: storage.baseAddress! + 2 * index * count,
                      sine: storage.baseAddress! + (2 * index + 1) * count)
                  }
                  var input = ropedrift_table_errors_input(
                    count: count, cosine: sums(0), sine: sums(1), exact_cosine: sums(2), exact_sine: sums(3),
                    difference: ropedrift_lane_sums(high: delta.baseAddress!, low: deltaLow.baseAddress!),
                    is_small: isSmall ? 1 : 0, limit: PlainTrigonometry.limit, factor: factor,
                    stored_factor: factor, trig_bound: bound, table_bound: bound, trig: kernelTrig.kernel,
                    table: kernelTable.kernel)
                  var output = ropedrift_table_errors_output(
                    exact: table(0), trig: table(1), table: table(2), both: table(3), stored: table(4),
                    undecided: flags.baseAddress!)
                  ropedrift_table_errors(&input, &output, allowsVectors)
                }
              }
              outputs = (0..<10).map { Array(storage[$0 * count..<($0 + 1) * count]) }
            }
          }
        }
      }
      for lane in 0..<count {
        func one(_ x: Double) -> Lanes { Lanes(repeating: x) }
        let (c, s, d) = (one(angles[lane]), one(angles[count + lane]), one(delta[lane]))
        let change =
          isSmall
          ? PlainTrigonometry.smallTurn(c, s, d) : PlainTrigonometry.turn(c, s, d, one(deltaLow[lane]))
        var undecided = d.magnitudes .> PlainTrigonometry.limit
        let isBeyond = undecided[0]
        func check(_ index: Int, _ expected: Lanes, _ what: String) {
          let found = outputs[index][lane]
          #expect(
            found.bitPattern == expected[0].bitPattern || found.isNaN && expected[0].isNaN,
            "\(what) of lane \(lane), chain \(index), \(isSmall), vectors \(allowsVectors): \(found), twin \(expected[0])"
          )
        }
        for (part, value, change) in [(0, c, change.0), (1, s, change.1)] {
          let low = one(lows[part * count + lane])
          let place = (2 + part) * count + lane
          let (exact, exactLow) = (one(angles[place]), one(lows[place]))
          check(part, change * factor, "exact")
          var stored = plainTrig.rounded(value, change, low, bound: one(bound), &undecided)
          if factor != 1 { stored = plainTrig(stored * factor) }
          check(2 + part, (stored - exact) - exactLow, "trig")
          let both = plainTable(stored)
          check(6 + part, (both - exact) - exactLow, "both")
          check(8 + part, both, "stored")
          let tabled = plainTable.rounded(exact, change * factor, exactLow, bound: one(bound), &undecided)
          check(4 + part, (tabled - exact) - exactLow, "table")
        }
        #expect(flags[lane] == (isBeyond ? 3 : undecided[0] ? 1 : 0), "flag of lane \(lane)")
      }
    }
  }

  @Test(arguments: [0, 1, 3, 4, 15, 16, 17, 63])
  func greatestMagnitudesPassOverNaN(count: Int) {
    var generator = SeededGenerator(seed: 5)
    // One place further on than any alignment.
    let numbers = Self.numbers(count + 1, below: 8, &generator)
    let expected = numbers[1...].reduce(0.25) { $1.magnitude > $0 ? $1.magnitude : $0 }
    for allows in [0, 1, 2] as [Int32] {
      let found = numbers.withUnsafeBufferPointer {
        ropedrift_greatest_magnitude($0.baseAddress! + 1, count, 0.25, allows)
      }
      #expect(found == expected)
    }
  }
}
