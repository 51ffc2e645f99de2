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
