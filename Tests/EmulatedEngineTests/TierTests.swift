import EmulatedEngine
import FloatingPointFormats
import Foundation
import RotaryAttention
import Testing

/// Seeded numbers with a wide spread of magnitudes and some special values.
func seededMatrix(tokens: Int, size: Int, seed: UInt64, specials: Bool) -> [Double] {
  (0..<tokens * size).map { index in
    let bits = Philox.bits(seed: seed, counter: RoundingCounter(UInt32(index)))
    if specials, bits % 37 == 0 {
      return [0, -0.0, .infinity, -.infinity, .nan, 1e300, 1e-300][Int(bits >> 32) % 7]
    }
    let unit = Double(Int64(bitPattern: bits) >> 11) * 0x1p-52
    // A binary32 number, so that fp32 input is exact and the kernels see full significands.
    return Double(Float(unit * 4))
  }
}

/// The recipes that the fast tier must reproduce: all named ones, and variations of one that reach every other path.
func tierRecipes() throws -> [Recipe] {
  var recipes = RecipeRegistry.all
  func vary(_ name: String, _ change: (inout Recipe) throws -> Void) rethrows {
    var recipe = try! RecipeRegistry.named("hf-bf16")
    recipe.name = name
    try change(&recipe)
    recipes.append(recipe)
  }
  for order in Recipe.Dot.Order.samples {
    for format in [FloatingPointFormat.fp32, .fp16, .fp64] {
      if case .tensorCore = order, format == .fp64 { continue }
      vary("dot \(order) \(format.spelling)") {
        $0.dot = Recipe.Dot(order: order, rounding: order == .exact ? .exact : RoundingChain([format]))
      }
    }
  }
  recipes += try RecipeRegistry.shortNames.map(RecipeRegistry.named)
  for part in RecipePart.attention {
    for type in part.types {
      // Any rotary half that runs in the type; fp16 keys show second roundings best with fp32 vectors.
      recipes.append(try RecipeRegistry.composed(rotary: "meta-llama", attention: part.name, type: type))
    }
  }
  vary("angle operands") {
    $0.angle.operands = RoundingChain([.bf16], rounding: .towardZero)
    $0.trig.ulpModel = Recipe.Trig.UlpModel(bound: 3, seed: 9)
    $0.trig.rounding = RoundingChain([.fp32, .fp16])
  }
  vary("angle operands, exact product") {
    $0.angle.operands = RoundingChain([.tf32])
    $0.angle.rounding = .exact
  }
  vary("iterated, exact") {
    $0.inverseFrequency.formula = .powOfStep
    $0.angle = Recipe.Angle(algorithm: .iterated, rounding: .exact)
  }
  vary("timescales, exact") {
    $0.inverseFrequency = Recipe.InverseFrequency(formula: .timescaleDivision, rounding: .exact)
    $0.angle.rounding = .exact
  }
  vary("operands exact but for the key") {
    $0.rotation.rounding = .exact
    $0.rotated = .exact
    $0.dot.keyOperand = RoundingChain([.fp16])
  }
  for scaling in Recipe.Logit.Scaling.allCases {
    for format in [RoundingChain.exact, RoundingChain([.fp16])] {
      vary("\(scaling) \(format.summary)") {
        $0.logit = Recipe.Logit(
          scaling: scaling, storedScore: .exact, scaleFactor: RoundingChain([.fp32]),
          scaledOperand: scaling.scalesOperands ? RoundingChain([.fp16]) : .exact,
          log2e: scaling == .insideExponential ? RoundingChain([.fp32]) : .exact,
          exponentFactor: scaling == .insideExponential ? RoundingChain([.bf16]) : .exact, rounding: format)
      }
    }
  }
  for algorithm in Recipe.Rotation.Algorithm.allCases {
    vary("rotation \(algorithm)") { $0.rotation.algorithm = algorithm }
  }
  for rounding in [Rounding.nearestAway, .towardZero, .up, .down, .odd, .stochastic(seed: 3)] {
    vary("all \(rounding)") {
      for path in [\Recipe.table, \Recipe.input, \Recipe.rotated, \Recipe.probability] {
        $0[keyPath: path].rounding = rounding
      }
      $0.rotation.rounding.rounding = rounding
      $0.dot.rounding.rounding = rounding
      $0.logit.rounding.rounding = rounding
      $0.logit.storedScore.rounding = rounding
    }
  }
  vary("table exact") { $0.table = .exact }
  vary("trig exact") { $0.trig.rounding = .exact }
  vary("trig and table exact") {
    $0.trig.rounding = .exact
    $0.table = .exact
  }
  vary("rotation exact") { $0.rotation.rounding = .exact }
  vary("rotation and rotated exact") {
    $0.rotation.rounding = .exact
    $0.rotated = .exact
  }
  vary("logit exact") { $0.logit = Recipe.Logit(storedScore: .exact, scaleFactor: .exact, rounding: .exact) }
  vary("exact from trig to dot") {
    $0.trig.rounding = .exact
    $0.table = .exact
    $0.rotation.rounding = .exact
    $0.rotated = .exact
    $0.dot = Recipe.Dot(order: .exact, rounding: .exact)
  }
  vary("exact but for the logit") {
    $0.inverseFrequency.rounding = .exact
    for path in [
      \Recipe.position, \Recipe.angle.rounding, \Recipe.trig.rounding, \Recipe.table, \Recipe.input,
      \Recipe.rotated,
    ] {
      $0[keyPath: path] = .exact
    }
    $0.rotation.rounding = .exact
    $0.dot = Recipe.Dot(order: .exact, rounding: .exact)
    $0.logit = Recipe.Logit(storedScore: .exact, scaleFactor: .exact, rounding: RoundingChain([.fp16]))
  }
  vary("exact in trig, rotation and rotated, rounded in dot") {
    $0.trig.rounding = .exact
    $0.table = .exact
    $0.rotation.rounding = .exact
    $0.rotated = .exact
  }
  return recipes
}

@Suite struct TierTests {
  @Test(arguments: [
    (false, "none", nil), (true, "none", "2.5"), (false, "yarn:factor=4,original=64", nil),
    (false, "linear:factor=3", "7"),
  ])
  func theFastTierGivesThePlainTiersBits(specials: Bool, scaling: String, cap: String?) throws {
    let tokens = 5
    let embedding = try RotaryEmbedding(
      headSize: 7, rotarySize: 4, base: NumberLiteral(10000), layout: specials ? .interleaved : .halfSplit,
      scaling: RotaryScaling(spelling: scaling))
    let queries = seededMatrix(tokens: 3, size: 7, seed: 11, specials: specials)
    let keys = seededMatrix(tokens: tokens, size: 7, seed: 12, specials: specials)
    let positions = try TokenPositions(tokens: tokens, shift: 1000)
    let softcap = try cap.map { try NumberLiteral($0) }
    let emulations = try tierRecipes().compactMap { recipe -> Emulation? in
      var recipe = recipe
      // Yarn is defined over b^(2i/r), which other formulas never make.
      if scaling.hasPrefix("yarn"), recipe.inverseFrequency.formula != .powReciprocal { return nil }
      if cap != nil, recipe.logit.softcap == nil {
        recipe.logit.softcap = Recipe.Logit.Softcap(algorithm: .afterScale, rounding: RoundingChain([.fp16]))
      }
      return try Emulation(
        recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize, softcap: softcap)
    }
    let tables = try RotaryTable.tables(for: emulations, positions: positions, threads: 2)
    for (emulation, table) in zip(emulations, tables) {
      let k = try EmulatedKeys(
        InputMatrix(keys, emulation: emulation, side: .key, layer: 2, head: 1), emulation: emulation,
        table: table, layer: 2, head: 1)
      let head = try EmulatedHead(
        InputMatrix(queries, emulation: emulation, side: .query, layer: 2, head: 3), keys: k,
        emulation: emulation, table: table, firstRow: 2, layer: 2, head: 3)
      var row = [Double](repeating: .nan, count: tokens)
      var block = [Double](repeating: -7, count: 3 * (tokens + 1))
      try block.withUnsafeMutableBufferPointer {
        try head.logits(queries: 0..<3, keys: 1..<tokens, into: $0, stride: tokens + 1)
      }
      for query in 0..<3 {
        try row.withUnsafeMutableBufferPointer { try head.logits(query: query, keys: 1..<tokens, into: $0) }
        for key in 1..<tokens {
          let plain = try emulation.score(
            query: Array(queries[query * 7..<query * 7 + 7]), key: Array(keys[key * 7..<key * 7 + 7]),
            queryPosition: 1002 + query, keyPosition: 1000 + key,
            queryPlace: VectorPlace(.query, token: query, layer: 2, head: 3),
            keyPlace: VectorPlace(.key, token: key, layer: 2, head: 1),
            pair: ScorePlace(query: query, key: key, layer: 2, head: 3)
          ).logit.binary64()
          let fast = row[key - 1]
          #expect(
            plain.bitPattern == fast.bitPattern || plain.isNaN && fast.isNaN,
            "\(emulation.recipe.name) query \(query) key \(key): plain \(plain), fast \(fast)")
          let inBlock = block[query * (tokens + 1) + key - 1]
          #expect(inBlock.bitPattern == fast.bitPattern || inBlock.isNaN && fast.isNaN)
        }
      }
    }
  }

  /// −0 times an exact cosine or an exact scale is the zero that IEEE 754 gives, not +0.
  @Test func storedZerosKeepTheirSignThroughExactStages() throws {
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.trig.rounding = .exact
    recipe.table = .exact
    let embedding = try RotaryEmbedding(headSize: 2, base: NumberLiteral(10000), layout: .halfSplit)
    let emulation = try Emulation(recipe: recipe, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    // cos 1 and sin 1 are positive: (−0)·cos − (+0)·sin = −0 − 0 = −0; (−0)·sin + (+0)·cos = +0.
    let score = try emulation.score(query: [-0.0, 0.0], key: [1, 1], queryPosition: 1, keyPosition: 0)
    let bits = try score.query.rotated.map { try $0.binary64().bitPattern }
    #expect(bits == [(-0.0).bitPattern, 0])
  }
}
