import RoPEDrift

let input = try AttentionInput.shippedSample()
let embedding = try RotaryEmbedding(headSize: 64, base: NumberLiteral(100_000), layout: .halfSplit)
let suspect = try RecipeRegistry.named("hf-llama-2023-cast-fp16")
let sound = try RecipeRegistry.named("hf-llama-fp16")

// The same queries and keys at positions 0 … 511 and at 1024 … 1535: exact scores do not move.
let experiment = try DriftExperiment(
  input: input, embedding: embedding, recipes: [sound, suspect], layers: [7], heads: [0],
  comparisons: [ShiftPair(0, 1024)])
for recipe in try experiment.run(threads: 2).recipes {
  let totals = recipe.comparisons[0].totals
  print("\(recipe.name): D_logit \(totals.dLogit ?? .nan), D \(totals.dWeighted ?? .nan)")
}

// Every stage rounded alone: the share of its drift in that of the whole recipe, squares of root mean squares.
let problem = StageAttribution.Problem(
  input: input, embedding: embedding, layers: [7], heads: [0], comparisons: [ShiftPair(0, 1024)])
let attribution = try StageAttribution(problem, recipes: [suspect]).run(threads: 2).recipes[0]
let drift = attribution.comparisons[0].all
for (index, stage) in attribution.variants.stages.enumerated() {
  let share = drift.share(.logitDrift, ofStage: index) ?? .nan
  if share > 0.0001 { print("\(stage.name): \(share)") }
}
