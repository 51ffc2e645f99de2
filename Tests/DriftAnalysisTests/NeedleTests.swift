// Needles: layouts and ranks by hand, and arithmetic that rounds nothing but the logit loses none.

import EmulatedEngine
import FloatingPointFormats
import RotaryAttention
import TensorIO
import Testing

@testable import DriftAnalysis

@Suite struct NeedleTests {
  @Test func placesAreDistinctAndNeitherTheFirstKeyNorTheQuerys() {
    for task in NeedleTask.allCases {
      for visible in task.keysNeeded(4)...40 {
        for depth in [0, 0.1, 0.25, 0.5, 0.75, 1] {
          let places = task.places(visible: visible, depth: depth, needles: 4)
          #expect(places.count == (task == .single ? 1 : 4) && Set(places).count == places.count)
          #expect(places.allSatisfy { (1...visible - 2).contains($0) })
        }
      }
    }
    #expect(NeedleTask.single.places(visible: 12, depth: 0, needles: 4) == [1])
    #expect(NeedleTask.single.places(visible: 12, depth: 1, needles: 4) == [10])
    // Room for 10: the third at depth 0.5 is place 1 + 4 (rounded away from 4.5 to 5: 6th), then a quarter further each.
    #expect(NeedleTask.multiValue.places(visible: 12, depth: 0.5, needles: 4) == [6, 8, 1, 3])
  }

  @Test func ranksKeepTheFirstOfEqualLogits() {
    var ranks = RankedLogits(limit: 3)
    [1.0, 5, 2, 5].withUnsafeBufferPointer { ranks.add($0, first: 0) }
    [5.0, 9, -1].withUnsafeBufferPointer { ranks.add($0, first: 4) }
    #expect(ranks.entries.map(\.key) == [5, 1, 3] && ranks.entries.map(\.value) == [9, 5, 5])
    #expect(ranks.best(without: [])!.key == 5 && ranks.best(without: [5, 1])!.key == 3)
    #expect(ranks.best(without: [5, 1, 3]) == nil && !ranks.hasNaN(without: []))
    [Double.nan].withUnsafeBufferPointer { ranks.add($0, first: 7) }
    #expect(ranks.hasNaN(without: []) && !ranks.hasNaN(without: [7]))
  }

  /// A NaN has no rank: keys after it enter the list as if it were not there, wherever it stands.
  @Test(arguments: [[1, .nan, 5, 3, 7], [.nan, 1, 5, 3, 7], [5, 7, 1, .nan, 3]])
  func aNaNBlocksNoLaterKey(_ row: [Double]) {
    for limit in 1...5 {
      var ranks = RankedLogits(limit: limit)
      row.withUnsafeBufferPointer { ranks.add($0, first: 0) }
      #expect(ranks.entries.map(\.value) == Array([7.0, 5, 3, 1].prefix(limit)))
      #expect(ranks.keysOfNaN == [row.firstIndex { $0.isNaN }!])
    }
  }

  @Test func aRowHasARivalOnlyWhereItsMarginExists() {
    func rival(_ row: [Double], without replaced: [Int] = []) -> Double? {
      var ranks = RankedLogits(limit: 4)
      row.withUnsafeBufferPointer { ranks.add($0, first: 0) }
      return ranks.rival(without: replaced)
    }
    #expect(rival([1, 4, 2]) == 4 && rival([1, 4, 2], without: [1]) == 2)
    #expect(rival([1, .nan, 2]) == nil && rival([1, .nan, 2], without: [1]) == 2)
    #expect(rival([1, .nan, .nan], without: [1]) == nil)
    #expect(rival([1, .infinity, 2]) == nil && rival([1, .infinity, 2], without: [1]) == 2)
    // An infinity below all others takes no margin away, but a rival there has to be.
    #expect(rival([1, -.infinity, 2]) == 2 && rival([-.infinity, 3], without: [1]) == nil)
  }

  private func experiment(
    _ recipes: [Recipe], shift: Int = 0, patterns: [String] = ["full", "anchor"], dtype: String = "bf16",
    needles: Int = 3, tasks: [NeedleTask] = NeedleTask.allCases, depths: [Double] = [0, 0.5, 1],
    targets: [Double] = [0x1p-8, 0.25, 1]
  ) throws -> NeedleExperiment {
    let input = try AttentionInput.open(
      "synthetic:sink,heads=2,kv_heads=1,tokens=24,head_dim=8,layers=1,seed=3,dtype=\(dtype)")
    let drift = try DriftExperiment(
      input: input, embedding: RotaryEmbedding(headSize: 8, base: NumberLiteral(10000), layout: .halfSplit),
      recipes: recipes)
    let documents = try DocumentLayout(DocumentDescription(lengths: [30, 50]), tokens: 80)
    return try NeedleExperiment(
      drift,
      windows: patterns.map {
        NeedleExperiment.Window(
          $0, try AttentionPattern(mask: AttentionMask(spelling: $0), documents: documents))
      }, tasks: tasks, needles: needles, depths: depths, targets: targets, shift: shift)
  }

  private func exactUpToTheLogit() throws -> Recipe {
    var recipe = try RecipeRegistry.named("fa2-bf16")
    recipe.name = "exact"
    recipe.inverseFrequency.rounding = .exact
    for path in [
      \Recipe.position, \Recipe.angle.rounding, \Recipe.trig.rounding, \Recipe.table, \Recipe.input,
      \Recipe.rotated,
    ] {
      recipe[keyPath: path] = .exact
    }
    recipe.rotation.rounding = .exact
    recipe.dot = Recipe.Dot(order: .exact, rounding: .exact)
    recipe.logit = Recipe.Logit(
      storedScore: .exact, scaleFactor: .exact, rounding: RoundingChain([.fp64]))
    return recipe
  }

  /// Emulation and reference lay the same keys at the same positions: margins agree to the last bit, also at another shift.
  @Test func exactArithmeticLosesNoNeedleAtAnyShift() throws {
    for shift in [0, 12345] {
      let found = try experiment([exactUpToTheLogit()], shift: shift).run(threads: 2)
      #expect(found.windows.map(\.window.visible) == [80, 51])
      for window in found.windows {
        for task in window.tasks {
          let total = task.total(ofRecipe: 0)
          #expect(total.trials + task.skipped + task.notWon == 2 * 2 * 3 * 3)
          #expect(total.trials > 18 && total.flips == 0 && total.greatestChange == 0)
        }
      }
    }
  }

  @Test func storedNeedlesStandNearTheirTarget() throws {
    let found = try experiment([exactUpToTheLogit()], patterns: ["full"], dtype: "fp32").run(threads: 1)
    for task in found.windows[0].tasks {
      // Targets 2^-8, 2^-2 and 1 (for several values the least of them), each a little above or below.
      #expect(Set(task.bins[0].keys).isSubset(of: [-9, -8, -3, -2, -1, 0]))
    }
  }

  @Test func smallMarginsAreLostFirstAndNoByteDependsOnThreads() throws {
    let recipes = try ["hf-bf16", "fp32"].map(RecipeRegistry.named)
    let one = try experiment(recipes).run(threads: 1)
    let three = try experiment(recipes).run(threads: 3)
    #expect(one.windows.map(\.tasks) == three.windows.map(\.tasks))
    let single = one.windows[0].tasks[0]
    #expect(single.total(ofRecipe: 1).flips == 0)
    #expect(single.total(ofRecipe: 0).greatestChange! > 0x1p-8)
    #expect(single.total(ofRecipe: 1).greatestChange! < 0x1p-14)
  }

  @Test func whatCannotBeLaidOutIsRefused() throws {
    #expect(throws: NeedleError.self) { _ = try experiment([exactUpToTheLogit()], needles: 1) }
    #expect(throws: NeedleError.tooFewKeys(pattern: "anchor", length: 80, visible: 51, needed: 62)) {
      _ = try experiment([exactUpToTheLogit()], needles: 60)
    }
    // One needle has as much room as it needs, however many the other tasks would have.
    _ = try experiment([exactUpToTheLogit()], needles: 60, tasks: [.single])
    _ = try experiment([exactUpToTheLogit()], needles: 1, tasks: [.single])
    #expect(NeedleTask.single.keysNeeded(60) == 3 && NeedleTask.multiKey.keysNeeded(4) == 6)
    #expect(NeedleTask.single.places(visible: 3, depth: 0.5, needles: 60) == [1])
    #expect(NeedleTask.multiValue.places(visible: 6, depth: 1, needles: 4) == [4, 1, 2, 3])
    for (shift, first, last) in [
      (1 << 53 - 10, 1 << 53 - 10, 1 << 53 + 69), (-1 << 53 - 1, -1 << 53 - 1, -1 << 53 + 78),
      // Position 0 does not leave the integers, all others do.
      (.max, .max, .max),
    ] {
      #expect(throws: ProblemError.positionOutOfRange(first: first, last: last, shift: shift)) {
        _ = try experiment([exactUpToTheLogit()], shift: shift)
      }
    }
  }

  @Test(arguments: [
    ([0.0, 0.5, 0], [1.0], "depth 0.0 is named twice; name each once"),
    ([0.5], [1, 2, 1], "margin 1.0 is named twice; name each once"),
    ([0.5], [1e308], "margin 1e+308 is too large: margins are below 2^100 logits"),
    ([0.5], [0], "margin 0.0: a needle is above the others by more than zero"),
  ]) func depthsAndMarginsAreRefusedForTheirReason(
    _ depths: [Double], _ targets: [Double], _ reason: String
  ) throws {
    #expect(throws: NeedleError.value(reason)) {
      _ = try experiment([exactUpToTheLogit()], depths: depths, targets: targets)
    }
  }
}
