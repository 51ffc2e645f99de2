import RoPEDrift

let input = try AttentionInput.shippedSample()
let embedding = try RotaryEmbedding(headSize: 64, base: NumberLiteral(100_000), layout: .halfSplit)
let suspect = try RecipeRegistry.named("hf-llama-2023-cast-fp16")
let sound = try RecipeRegistry.named("hf-llama-fp16")
