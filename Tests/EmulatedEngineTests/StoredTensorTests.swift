import ArbitraryPrecision
import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import Testing

@Suite struct StoredTensorTests {
  /// Tables and vectors of every recipe that the tiers are held together with, channel by channel, against the plain tier; and what
  /// a recipe is said to store is what it stores.
  @Test(arguments: [(false, "none"), (true, "linear:factor=3")])
  func tablesAndVectorsAreThePlainTiersBits(specials: Bool, scaling: String) throws {
    let tokens = 4
    let size = 7
    let embedding = try RotaryEmbedding(
      headSize: size, rotarySize: 4, base: NumberLiteral(10000), layout: specials ? .interleaved : .halfSplit,
      scaling: RotaryScaling(spelling: scaling))
    let stored = seededMatrix(tokens: 3, size: size, seed: 21, specials: specials)
    let positions = try TokenPositions(tokens: tokens, shift: 1000)
    let emulations = try tierRecipes().map {
      try Emulation(recipe: $0, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
    }
    let tables = try RotaryTable.tables(for: emulations, positions: positions, threads: 2)
    for (emulation, table) in zip(emulations, tables) {
      let recipe = emulation.recipe
      let entries = try (0..<tokens).map { token in
        try (0..<2).map { try emulation.tableEntry(position: 1000 + token, pair: $0) }
      }
      let tableFormats = recipe.formats(of: .cosine, embedding: embedding, input: .fp64, isCapped: false)
      #expect((tableFormats == nil) == (table.storedNumbers == nil), "\(recipe.name)")
      if let numbers = table.storedNumbers {
        check(numbers.cosine, entries.joined().map(\.cosine), tableFormats, "\(recipe.name) cos")
        check(numbers.sine, entries.joined().map(\.sine), tableFormats, "\(recipe.name) sin")
      }
      let vectorFormats = recipe.formats(
        of: .rotatedQuery, embedding: embedding, input: .fp64, isCapped: false)
      let input = InputMatrix(stored, emulation: emulation, side: .query, layer: 2, head: 3)
      let vectors = try emulation.storedVectors(
        input, table: table, firstRow: 1, side: .query, layer: 2, head: 3)
      guard let vectors else {
        #expect(vectorFormats == nil, "\(recipe.name)")
        continue
      }
      let plain = try (0..<3).flatMap { token in
        let place = VectorPlace(.query, token: token, layer: 2, head: 3)
        let vector = try emulation.input(Array(stored[token * size..<(token + 1) * size]), place)
        return try emulation.rotated(
          emulation.rotation(vector, table: entries[token + 1], place), place)
      }
      // A recipe that rounds no vector may still give numbers, where all of its values are exact numbers by chance.
      check(vectors, plain, vectorFormats, "\(recipe.name) rotated")
    }
  }

  private func check(
    _ fast: [Double], _ plain: [StageValue], _ formats: [FloatingPointFormat]?, _ name: String
  ) {
    #expect(fast.count == plain.count, "\(name)")
    for (index, pair) in zip(fast, plain).enumerated() {
      guard case .number(let value) = pair.1 else {
        Issue.record("\(name) \(index): the plain tier has an exact real")
        continue
      }
      #expect(
        pair.0.bitPattern == value.bitPattern || pair.0.isNaN && value.isNaN,
        "\(name) \(index): plain \(value), fast \(pair.0)")
      guard let formats, value.isFinite else { continue }
      #expect(
        formats.contains { $0.rounded(ExactValue(value)).bitPattern == value.bitPattern },
        "\(name) \(index): \(value) is in none of \(formats.map(\.spelling))")
    }
  }

  /// hf-bf16 with nothing rounded but what is asked for: cos, sin and the rotated vector come rounded once from the exact reals.
  @Test func whatIsExactIsRoundedOnceToTheFormatAskedFor() throws {
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.trig.rounding = .exact
    recipe.table = .exact
    recipe.rotation.rounding = .exact
    recipe.rotated = .exact
    let embedding = try RotaryEmbedding(headSize: 2, base: NumberLiteral(10000), layout: .halfSplit)
    for kind in [StoredTensor.cosine, .sine, .rotatedQuery, .rotatedKey] {
      #expect(recipe.formats(of: kind, embedding: embedding, input: .bf16, isCapped: false) == nil)
    }
    func emulation(_ kind: StoredTensor) throws -> (Emulation, RotaryTable) {
      let rounded = try #require(recipe.rounding(kind, to: .fp32, isCapped: false))
      #expect(rounded.formats(of: kind, embedding: embedding, input: .bf16, isCapped: false) == [.fp32])
      let emulation = try Emulation(
        recipe: rounded, embedding: embedding, scale: .inverseSquareRootOfHeadSize)
      let positions = try TokenPositions(tokens: 1, shift: 1)
      return (emulation, try RotaryTable.tables(for: [emulation], positions: positions, threads: 1)[0])
    }
    // cos 1 and sin 1 in binary32, from mpmath.
    let numbers = try #require(try emulation(.cosine).1.storedNumbers)
    #expect(numbers.cosine.map { Float($0).bitPattern } == [0x3f0a_5140])
    #expect(numbers.sine.map { Float($0).bitPattern } == [0x3f57_6aa4])
    let (rotating, table) = try emulation(.rotatedQuery)
    let input = InputMatrix([3, 1], emulation: rotating, side: .query, layer: 0, head: 0)
    let vector = try #require(
      try rotating.storedVectors(input, table: table, firstRow: 0, side: .query, layer: 0, head: 0))
    // 3 cos 1 − sin 1 = 0.779435932796522647…, 3 sin 1 + cos 1 = 3.06471526029182936….
    let expected = [0.779_435_932_796_522_65, 3.064_715_260_291_829_4].map { Float($0).bitPattern }
    #expect(vector.map { Float($0).bitPattern } == expected)
  }

  /// With a softcap after the scale, its last product is the logit.
  @Test func aSoftcapDecidesTheLogitsFormat() throws {
    var recipe = try RecipeRegistry.named("hf-bf16")
    recipe.logit.softcap = Recipe.Logit.Softcap(algorithm: .afterScale, rounding: RoundingChain([.fp32]))
    let embedding = try RotaryEmbedding(headSize: 2, base: NumberLiteral(10000), layout: .halfSplit)
    func formats(_ isCapped: Bool) -> [FloatingPointFormat]? {
      recipe.formats(of: .logits, embedding: embedding, input: .bf16, isCapped: isCapped)
    }
    #expect(formats(false) == [.bf16])
    #expect(formats(true) == [.fp32])
    recipe.logit.softcap!.rounding = .exact
    #expect(formats(true) == nil)
    #expect(recipe.rounding(.logits, to: .fp32, isCapped: true) == nil)
    recipe.logit.softcap!.algorithm = .insteadOfScale
    #expect(formats(true) == [.bf16])
  }
}
