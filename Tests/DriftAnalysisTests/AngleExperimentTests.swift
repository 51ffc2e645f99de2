// Angle experiments: figures worked out by hand, published ones, and the fast tier against the plain one.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TestSupport
import Testing

@testable import DriftAnalysis

@Suite struct AngleExperimentTests {
  private func measure(
    _ recipe: Recipe, base: String = "10000", size: Int = 128, _ ranges: ClosedRange<Int>..., threads: Int = 2
  ) throws -> [AngleRange] {
    let embedding = try RotaryEmbedding(headSize: size, base: NumberLiteral(base), layout: .halfSplit)
    return try AngleExperiment(embedding: embedding, recipes: [recipe], ranges: ranges).run(threads: threads)
      .recipes[0].ranges
  }

  private func recipe(_ name: String = "fp32", _ change: (inout Recipe) -> Void = { _ in }) throws -> Recipe {
    var recipe = try RecipeRegistry.named(name)
    change(&recipe)
    return recipe
  }

  /// bf16 stores 256, 257, 258, 259 as 256, 256, 258, 260: with ω = 1 and all else exact Δ is 0, −1, 0, 1.
  @Test func figuresWorkedOutByHand() throws {
    let recipe = try recipe {
      $0 = $0.rounding(only: .position)
      $0.position = RoundingChain([.bf16])
    }
    let range = try measure(recipe, size: 2, 256...259)[0]
    #expect(range.counts == PositionCounts(positions: 4, distinct: 3, nonfinite: 0))
    let sums = range.total
    #expect(sums.entries == 4)
    #expect(sums.angle == LocatedError(magnitude: 1, position: 257, pair: 0))
    #expect(sums.angleRootMeanSquare == 0.5.squareRoot())
    #expect(sums.angleMean == 0)
    #expect(sums.collisionFraction == 1.0 / 3)
    #expect(sums.angleStages.own.map { $0?.magnitude } == [0, 1, 0])
    #expect(sums.angleStages.without.map { $0?.magnitude } == [1, 0, 1])
    #expect(sums.angleStages.cause == 1 && sums.tableStages.cause == 1)
    #expect(sums.tableStages.cheapest(full: sums.table!.magnitude) == 1)
    // The greatest of |cos 256 − cos 257|, |sin 256 − sin 257|, |cos 260 − cos 259|, |sin 260 − sin 259|: 0.86, 0.43, 0.91, 0.30.
    let table = try #require(sums.table)
    #expect(table.position == 259 && !table.isSine)
    #expect(abs(table.magnitude - 0.910_594_956_738_186_4) < 1e-13)
  }

  /// 65519 is the last position that binary16 rounds to a finite number, 65504.
  @Test func positionsBeyondBinary16AreCounted() throws {
    let range = try measure(recipe("table-fp16"), size: 4, 65_518...65_521)[0]
    #expect(range.counts == PositionCounts(positions: 4, distinct: 1, nonfinite: 2))
    #expect(range.total.nonfiniteAngles == 4 && range.total.nonfiniteTableValues == 8)
    #expect(range.pairs[0].angle == LocatedError(magnitude: 15, position: 65_519, pair: 0))
    #expect(range.total.neighbours == 2 && range.total.collisions == 2)
    let none = try measure(recipe("table-fp16"), size: 4, 70_000...70_001)[0].total
    #expect(
      none.angle == nil && none.table == nil && none.angleRootMeanSquare == nil && none.angleMean == nil)
    #expect(none.collisionFraction == nil)
  }

  /// RECIPES: max |Δangle| by the stage that is rounded, b = 10^4, d = 128, below 2048, 4096 and 32768. The greatest errors lie in
  /// the positions taken here; the long test takes all.
  @Test(
    arguments: [
      ("table-bf16", [1992...2047], [2.504, 4, 4, 9.68]),
      ("table-fp16", [2008...2047], [0.495, 0, 0.499, 0.98]),
      ("table-bf16", [4008...4095], [5.009, 8, 8, 19.36]),
      ("table-fp16", [4016...4095], [0.99, 1, 1, 2.826]),
      ("table-bf16", [32_176...32_200, 32_700...32_767], [40.08, 64, 64, 154.88]),
      ("table-fp16", [32_356...32_364, 32_728...32_767], [7.919, 8, 8, 22.61]),
    ] as [(String, [ClosedRange<Int>], [Double])])
  func angleErrorsByStage(name: String, positions: [ClosedRange<Int>], expected: [Double]) throws {
    var total = AngleErrorSums()
    let all = isExhaustive ? [0...positions.last!.upperBound] : positions
    for range in all { total.merge(try measure(recipe(name), range)[0].total) }
    let found = total.angleStages.own.map { $0!.magnitude } + [total.angle!.magnitude]
    for (found, expected) in zip(found, expected) {
      #expect(abs(found - expected) <= 0.0051, "\(found), expected \(expected)")
    }
  }

  /// The binary32 angle alone near 131071 and near a million, b = 10^4.
  @Test func binary32AnglesAtLongPositions() throws {
    let ranges = try measure(recipe(), 131_040...131_071, 1_047_860...1_047_880)
    let own = ranges.map { $0.total.angleStages.own[2]!.magnitude }
    #expect((0.0035...0.004).contains(own[0]), "\(own)")
    #expect((0.029...0.032).contains(own[1]), "\(own)")
  }

  /// NVIDIA/TensorRT-LLM issue 18774: binary32 frequency, exact angle, position 32767.
  @Test(arguments: [("10000", 0.97e-3), ("500000", 1.36e-3), ("1000000", 1.41e-3)])
  func binary32FrequenciesAtLongPositions(base: String, expected: Double) throws {
    let total = try measure(recipe { $0 = $0.rounding(only: .frequency) }, base: base, 32_767...32_767)[0]
      .total
    let found = try #require(total.angle).magnitude
    #expect(abs(found - expected) <= 0.0051e-3, "\(found)")
  }

  /// Modalities pull request 462: bf16 frequency, all else exact; the phase error grows with the position.
  @Test(arguments: [(511, 0.62504), (2047, 2.50384), (4095, 5.00891)])
  func bf16FrequenciesOfModalities(position: Int, expected: Double) throws {
    let recipe = try recipe("table-bf16") { $0 = $0.rounding(only: .frequency) }
    let found = try #require(try measure(recipe, position...position)[0].total.angle).magnitude
    #expect(abs(found - expected) <= 0.51e-5, "\(found)")
  }

  /// kekzl/imp issue 1316: d = 8; greatest error of cos and sin with a binary32 frequency and a binary64 angle, and with a binary32
  /// angle.
  @Test func tablesOfImp() throws {
    let wide = try recipe { $0.angle.rounding = RoundingChain([.fp64]) }
    for (position, expected, digit) in [
      (2000, 2.6e-6, 0.5e-7), (16_000, 1.9e-5, 0.5e-6), (131_071, 1.82e-4, 0.5e-6),
    ] {
      let found = try #require(try measure(wide, size: 8, position...position)[0].total.table).magnitude
      #expect(abs(found - expected) <= digit * 1.01, "\(position): \(found)")
    }
    let found = try #require(try measure(recipe(), size: 8, 131_071...131_071)[0].total.table).magnitude
    #expect(abs(found - 5.45e-4) <= 0.5e-6, "\(found)")
  }

  /// 2000/10, 2000/100 and 2000/1000 are what binary32 stores: no error, and none by roundoff in the sums.
  @Test func angleErrorsOfZeroAreZero() throws {
    let total = try measure(recipe(), size: 8, 2000...2000)[0].total
    #expect(total.angle?.magnitude == 0 && total.angleRootMeanSquare == 0 && total.angleMean == 0)
  }

  /// EleutherAI/gpt-neox issue 1003: everything in binary16, r = 32; the greatest error of cos, and that at position 1857. Against a
  /// binary32 table the greatest is 0.7818639; against exact cos, by an independent computation, 0.78187906.
  @Test func tableOfGPTNeoX() throws {
    let ranges = try measure(recipe("table-fp16"), size: 32, 1984...2047, 1857...1857)
    let greatest = try #require(ranges[0].total.table)
    #expect(greatest.position == 2008 && greatest.pair == 1 && !greatest.isSine)
    #expect(abs(greatest.magnitude - 0.781_879_062_309_734_4) < 1e-15)
    #expect(abs(ranges[1].total.table!.magnitude - 0.7149) < 0.51e-4)
  }

  /// The same figures whatever the number of threads, and pieces put together as one.
  @Test func threadsDoNotMatter() throws {
    func figures(_ threads: Int) throws -> [String] {
      try measure(recipe("hf-bf16"), size: 4, 65_000...66_000, 7...9, threads: threads).flatMap { range in
        (range.pairs + [range.total]).map { "\($0)" }
      }
    }
    #expect(try figures(1) == figures(3))
  }

  /// The fast run against one in which every entry is computed alone.
  @Test(arguments: ["hf-bf16", "table-fp16"]) func fastRunsAreThePlainOnes(name: String) throws {
    let embedding = try RotaryEmbedding(headSize: 4, base: NumberLiteral(500), layout: .halfSplit)
    let reference = try TableErrorReference(
      recipe: RecipeRegistry.named(name), embedding: embedding, subsets: AngleExperiment.subsets)
    let fast = try #require(try FastTableErrors(reference, subsets: AngleExperiment.subsets, threads: 1))
    let positions = 65_510...65_522
    for pair in 0..<2 {
      let measurement = RecipeMeasurement(reference: reference, fast: fast)
      let quick = try measurement.certified(
        measurement.sums(pair: pair, positions: positions, continuing: true, progress: { _ in }))
      let plain = try RecipeMeasurement(reference: reference, fast: nil).sums(
        pair: pair, positions: positions, continuing: true, progress: { _ in })
      #expect(quick.angle == plain.angle && quick.table == plain.table)
      #expect(quick.angleStages == plain.angleStages)
      #expect(quick.tableStages == plain.tableStages)
      #expect(quick.neighbours == plain.neighbours && quick.collisions == plain.collisions)
      #expect(quick.nonfiniteAngles == plain.nonfiniteAngles)
      #expect(quick.nonfiniteTableValues == plain.nonfiniteTableValues)
      for figure in [\AngleErrorSums.angleRootMeanSquare, \.angleMean, \.tableRootMeanSquare] {
        let (a, b) = (try #require(quick[keyPath: figure]), try #require(plain[keyPath: figure]))
        #expect(abs(a - b) <= 1e-13 * abs(b))
      }
    }
  }

  @Test func octavesCoverThePositions() {
    #expect(AngleExperiment.octaves(of: 0...2047) == [0...2047])
    #expect(AngleExperiment.octaves(of: 5...5000) == [5...2047, 2048...4095, 4096...5000])
    #expect(AngleExperiment.octaves(of: 4096...4096) == [4096...4096])
    #expect(AngleExperiment.octaves(of: 0...(1 << 53)).last == (1 << 53)...(1 << 53))
  }

  @Test func rangesOutsideThePositionsAreRefused() throws {
    let embedding = try RotaryEmbedding(headSize: 4, base: NumberLiteral(500), layout: .halfSplit)
    #expect(throws: AngleExperimentError.position(-1)) {
      try AngleExperiment(embedding: embedding, recipes: [], ranges: [-1...4])
    }
  }
}
