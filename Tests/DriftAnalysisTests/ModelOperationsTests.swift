// Operations of models, worked out by hand, and the bound on what a mask can save.

import Foundation
import RotaryAttention
import Testing

@testable import DriftAnalysis

@Suite struct ModelOperationsTests {
  private func small(_ more: String = "") throws -> ModelOperations {
    let json =
      #"{"model_type": "llama", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "hidden_size": 8, "#
      + #""intermediate_size": 16, "vocab_size": 10, "num_hidden_layers": 3, "rope_theta": 10000.0\#(more)}"#
    return try ModelOperations(try AttentionModel(configuration: Data(json.utf8), file: "small.json"))
  }

  @Test func everyMatrixAndEveryPairCounts() throws {
    let model = try small()
    // A layer: q and o 8·8 each, k and v 8·4 each, three of 8·16; once 8·10.
    let layer = 2 * 64 + 2 * 32 + 3 * 128
    #expect(model.matricesOfToken == Double(2 * (3 * layer + 80)))
    // 4·d·heads = 32 a pair and layer.
    #expect(model.attention(documents: [5]) == 1440)
    #expect(model.attention(documents: [2, 3]) == 96.0 * 9)
    #expect(model.attention(documents: [2, 3], hasAnchor: true) == 96.0 * 12)
    let all = 1440 + 5 * model.matricesOfToken
    #expect(model.attentionShare(documents: [5]) == 1440 / all)
    #expect(model.saving(documents: [5]) == 0)
  }

  @Test func publishedSizesGiveTheKnownNumberOfParameters() throws {
    // 6.74 billion parameters less the embedding's 131 million, two operations each.
    let llama = try ModelOperations(ModelRegistry.named("llama-2-7b"))
    #expect(llama.matricesOfToken == 13_214_154_752)
    #expect(llama.attention(documents: [65536]) == 1125917086711808)
    for model in ModelRegistry.all where model.sizes != nil {
      let operations = try ModelOperations(model)
      #expect(operations.matricesOfToken > 0)
    }
    #expect(throws: ModelOperationsError.self) { try ModelOperations(ModelRegistry.named("deepseek-v3")) }
  }

  @Test func pairsAreThoseOfTheMask() throws {
    for (lengths, window) in [([7, 9, 4], nil), ([7, 9, 4], 3), ([20], 5), ([1, 18, 1], 30)]
      as [([Int], Int?)]
    {
      let layout = try DocumentLayout(DocumentDescription(lengths: lengths), tokens: 20)
      let more = window.map { "+window:\($0)" } ?? ""
      let json =
        #"{"model_type": "mistral", "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 2, "hidden_size": 2, "#
        + #""intermediate_size": 1, "vocab_size": 1, "num_hidden_layers": 1, "rope_theta": 10000.0, "sliding_window": null}"#
      let text = window == nil ? json : json.replacingOccurrences(of: "null", with: "\(window!)")
      let model = try ModelOperations(try AttentionModel(configuration: Data(text.utf8), file: "m.json"))
      for (mask, hasAnchor) in [("intra", false), ("anchor", true)] {
        let pattern = try AttentionPattern(mask: AttentionMask(spelling: mask + more), documents: layout)
        #expect(
          model.attention(documents: lengths, hasAnchor: hasAnchor) == Double(8 * pattern.visiblePairs()),
          "\(mask + more) \(lengths)")
      }
    }
  }

  @Test func theGreatestLengthIsTheLastThatSavesEnough() throws {
    let model = try small()
    for tokens in [1, 7, 100, 317] {
      for part in [0.1, 0.5, 0.7] {
        for hasAnchor in [false, true] {
          let saving = (1...tokens).map {
            model.saving(
              documents: ModelOperations.equalDocuments(of: $0, tokens: tokens), hasAnchor: hasAnchor)
          }
          let expected = saving.lastIndex { $0 >= part }.map { $0 + 1 }
          #expect(model.greatestLength(saving: part, tokens: tokens, hasAnchor: hasAnchor) == expected)
        }
      }
    }
    #expect(ModelOperations.equalDocuments(of: 3, tokens: 8) == [3, 3, 2])
  }
}
