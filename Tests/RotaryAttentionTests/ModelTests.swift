// The named models: every file reads, says what its table says, and agrees with the published configuration of the same model.

import FloatingPointFormats
import Foundation
import RotaryAttention
import Testing

@Suite struct ModelTests {
  @Test(arguments: [
    ("llama-2-7b", "32/32 half-split 128 128 10000 default 4096"),
    ("llama-3-8b", "32/8 half-split 128 128 500000 default 8192"),
    ("llama-3.1-8b", "32/8 half-split 128 128 500000 llama3:factor=8,low=1,high=4,original=8192 131072"),
    ("mistral-7b-v0.3", "32/8 half-split 128 128 1000000 default 32768"),
    ("qwen-1.5-1.8b", "16/16 half-split 128 128 1000000 default 32768"),
    ("qwen2.5-7b", "28/4 half-split 128 128 1000000 default 131072"),
    ("qwen2.5-7b-instruct", "28/4 half-split 128 128 1000000 default 32768"),
    ("qwen3-8b", "32/8 half-split 128 128 1000000 default 40960"),
    ("qwen3-8b-base", "32/8 half-split 128 128 1000000 default 32768"),
    ("smollm2-135m", "9/3 half-split 64 64 100000 default 8192"),
    ("gpt-neox-20b", "64/64 half-split 96 24 10000 default 2048"),
    ("gpt-j-6b", "16/16 interleaved 256 64 10000 default 2048"),
  ])
  func namesMeanTheirModels(_ name: String, _ expected: String) throws {
    let model = try ModelRegistry.named(name)
    let layer = try #require(model.layerTypes.count == 1 ? model.layerTypes.first : nil)
    #expect(
      "\(model.heads!)/\(model.keyValueHeads!) \(model.layout!.rawValue) \(layer.headSize!) \(layer.rotarySize!) \(layer.base!) \(layer.scaling!) \(model.maximumPositions!)"
        == expected)
    #expect(model.scale == .inverseSquareRootOfHeadSize && model.softcap == nil && layer.window == nil)
    #expect(model.open.isEmpty)
  }

  @Test func modelsWhoseLayersDifferSayHow() throws {
    let gemma2 = try ModelRegistry.named("gemma-2-9b")
    #expect(
      summary(gemma2)
        == "16/8 half-split scale 1/sqrt(d) cap 50 positions 8192 | full_attention d 256 r 256 base 10000 default window - | sliding_attention d 256 r 256 base 10000 default window 4096"
    )
    let gemma3 = try ModelRegistry.named("gemma-3-4b")
    #expect(
      summary(gemma3)
        == "8/4 half-split scale 1/sqrt(d) cap - positions 131072 | full_attention d 256 r 256 base 1000000 linear:factor=8 window - | sliding_attention d 256 r 256 base 10000 default window 1024"
    )
  }

  @Test func everyNamedModelIsListedWithASource() {
    #expect(ModelRegistry.all.map(\.name) == ModelRegistry.names)
    #expect(Set(ModelRegistry.names).count == ModelRegistry.names.count)
    for model in ModelRegistry.all {
      #expect(!model.source.isEmpty && !model.verified.isEmpty, "\(model.name)")
    }
    // What is not verified is said before figures.
    #expect(ModelRegistry.all.filter { !$0.cautions.isEmpty }.map(\.name) == ["qwen-1.5-1.8b"])
    #expect(ModelRegistry.all.filter { !$0.open.isEmpty }.map(\.name) == ["deepseek-v3"])
  }

  /// The same model from two sources: the catalogue and its config.json.
  @Test(arguments: [
    ("llama-2-7b", "llama-2-7b"), ("llama-3.1-8b", "llama-3.1-8b"), ("qwen3-8b", "qwen3-8b"),
    ("gemma-2-9b", "gemma-2-9b"), ("gemma-3-4b", "gemma-3-4b-it"), ("phi-4-mini", "phi-4-mini-instruct"),
    ("gpt-neox-20b", "gpt-neox-20b"), ("gpt-j-6b", "gpt-j-6b"), ("deepseek-v3", "deepseek-v3"),
  ])
  func namedModelsAgreeWithConfigurations(_ name: String, _ file: String) throws {
    let (named, read) = (try ModelRegistry.named(name), try configuration(file))
    #expect(named.heads == read.heads && named.keyValueHeads == read.keyValueHeads)
    #expect(named.layout == read.layout && named.maximumPositions == read.maximumPositions)
    #expect(named.scale == read.scale && named.open.map(\.name) == read.open.map(\.name))
    #expect(named.softcap.map { Double($0.text) } == read.softcap.map { Double($0.text) })
    #expect(named.typeOfLayer == read.typeOfLayer)
    for (a, b) in zip(named.layerTypes, read.layerTypes) {
      #expect(a.headSize == b.headSize && a.rotarySize == b.rotarySize && a.window == b.window)
      #expect(Double(a.base!.text) == Double(b.base!.text))
      #expect(plain(a.scaling!.spelling) == plain(b.scaling!.spelling))
    }
  }

  /// Whole numbers without ".0".
  private func plain(_ spelling: String) -> String {
    spelling.replacing(#/\.0(?=[,;]|$)/#, with: "")
  }

  @Test func misspeltNamesAreAnsweredWithTheNearest() {
    #expect(throws: ModelError.unknownName("llama3.1-8b", suggestion: "llama-3.1-8b")) {
      try ModelRegistry.model(nameOrPath: "llama3.1-8b")
    }
  }

  @Test func scalingsThatDependOnTheLengthAskForIt() throws {
    let dynamic = try ModelScaling(spelling: "dynamic:factor=2,max=4096")
    #expect(dynamic.needsLength)
    #expect(try dynamic.resolved(length: 9000).spelling == "dynamic:factor=2,length=9000,max=4096")
    #expect(throws: ProblemError.self) { try dynamic.resolved(length: nil) }
    #expect(throws: ProblemError.self) { try dynamic.resolved(length: 0) }
    let linear = try ModelScaling(spelling: "linear:factor=2")
    #expect(!linear.needsLength)
    #expect(try !ModelScaling(spelling: "dynamic:factor=2,length=8,max=4").needsLength)
    #expect(throws: ProblemError.self) { try linear.resolved(length: 8) }
    #expect(throws: ProblemError.self) { try ModelScaling(spelling: "dynamic:factor=2") }
  }
}
