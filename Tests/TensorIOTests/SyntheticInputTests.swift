import FloatingPointFormats
import Testing

@testable import TensorIO

@Suite struct SyntheticInputTests {
  private func open(_ spelling: String) throws -> AttentionInput {
    try AttentionInput.open("synthetic:" + spelling)
  }

  @Test func defaultsAndSpelling() throws {
    let input = try open("normal")
    #expect(
      input.spelling
        == "synthetic:normal,heads=8,kv_heads=2,tokens=256,query_tokens=256,head_dim=64,rotary_size=64,layers=2,seed=1,"
        + "dtype=bf16,base=10000,layout=half-split")
    #expect(input.layers == [0, 1])
    #expect(try input.shape(ofLayer: 1).shape(of: .query) == [8, 256, 64])
    #expect(input.metadata["rope.layout"] == "half-split" && input.metadata["stage"] == "pre-rope")
    #expect(input.metadata["rope.base"] == "10000" && input.metadata["rope.rotary_size"] == "64")
    for spelling in [
      "sink,heads=6,kv_heads=3,tokens=9,query_tokens=2,head_dim=7,rotary_size=4,layers=1,seed=18446744073709551615,"
        + "dtype=fp16,base=1e4,layout=interleaved,strength=7",
      "cancellation,bits=30,dtype=fp64",
    ] {
      let first = try SyntheticInput(spelling: "synthetic:" + spelling)
      #expect(try SyntheticInput(spelling: first.spelling) == first)
    }
  }

  @Test(
    arguments: [
      "", "norml", "normal,token=3", "normal,tokens", "normal,", "normal,tokens=3,tokens=3",
      "normal,tokens=0",
      "normal,tokens=x", "normal,tokens=-1", "normal,heads=3,kv_heads=2", "normal,query_tokens=257",
      "normal,head_dim=7",
      "normal,head_dim=64,rotary_size=66", "normal,rotary_size=3", "normal,seed=-1", "normal,dtype=bf61",
      "normal,dtype=tf32",
      "normal,base=0", "normal,base=-1", "normal,base=nan", "normal,base=x", "normal,layout=halfsplit",
      "normal,bits=3",
      "normal,strength=2", "cancellation,bits=0", "cancellation,bits=101", "cancellation,bits=25,dtype=fp16",
      "cancellation,rotary_size=2", "sink,bits=4", "normal,head_dim=1", "normal,layers=99999999999999999999",
    ])
  func misspellings(spelling: String) {
    let error = expectError(.wrongSpelling, "\(spelling)") { try open(spelling) }
    #expect(error?.isWrongUsage == true)
  }

  @Test func misspellingsAreAnsweredWithTheNearestName() {
    #expect(expectError(.wrongSpelling) { try open("norml") }?.description.contains("'normal'?") == true)
    #expect(
      expectError(.wrongSpelling) { try open("normal,head=3") }?.description.contains("'heads'?") == true)
    #expect(
      expectError(.wrongSpelling) { try open("normal,layout=half_split") }?.description.contains(
        "'half-split'?")
        == true)
  }

  /// Recorded bytes, which an independent implementation in rational arithmetic gave as well. A change of the generators is a
  /// change of every published figure made with them.
  @Test(
    arguments: [
      ("normal", "932702608c7517056e2996e702266e403398c61f86f30e5c64e2fc202ae98ddb"),
      ("sink", "eeb0aee7ad65855eddd391149940fa5a5b5c609c7e663e06046f281b353d408e"),
      ("cancellation", "ac15b6012718bacdb22efd8670d50e62d50278abb269ce15da9bd73b3a2fd5db"),
      ("normal,dtype=fp64,seed=2", "4575ad3156e34e5b95ce64d718dc42a6aab6eb89f808806e9ed39c6e449448ea"),
      (
        "sink,layout=interleaved,rotary_size=4,head_dim=7,dtype=fp32",
        "4a44340af80af2170ef330355cb81ffbddd3703aced1b4afd72242ef459ccbc4"
      ),
      (
        "cancellation,layout=interleaved,rotary_size=4,head_dim=7,bits=9,query_tokens=3",
        "ad4720292011d1e24f9f43a3763fe7c519fd1ef678b6aec627df4ceb82cbbdee"
      ),
    ])
  func bytesAreRecorded(spelling: String, digest: String) throws {
    let input = try open(
      spelling + ",heads=2,kv_heads=1,tokens=5,layers=2"
        + (spelling.contains("head_dim") ? "" : ",head_dim=8"))
    #expect(try input.identity() == digest, "synthetic:\(spelling)")
  }

  @Test func normalHasUnitVarianceAndIndependentHeads() throws {
    let input = try open("normal,heads=2,kv_heads=2,tokens=128,head_dim=32,layers=1,dtype=fp32")
    let heads = try [
      input.queries(layer: 0, head: 0), input.queries(layer: 0, head: 1), input.keys(layer: 0, kvHead: 0),
      input.values(layer: 0, kvHead: 0),
    ]
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    // 4096 variates: standard errors 1/64 of the mean and correlation, √(2/4096) of the variance; five of each.
    for (index, head) in heads.enumerated() {
      #expect(abs(mean(head)) < 5.0 / 64)
      #expect(abs(mean(head.map { $0 * $0 }) - 1) < 5 * 0.0221)
      #expect(head.allSatisfy { abs($0) <= 6 && Double(Float($0)) == $0 })
      for other in heads[..<index] { #expect(abs(mean(zip(head, other).map(*))) < 5.0 / 64) }
    }
  }

  @Test func aLongerInputBeginsWithTheShorter() throws {
    let short = try open("sink,heads=2,kv_heads=1,tokens=4,head_dim=8,layers=1")
    let long = try open("sink,heads=4,kv_heads=2,tokens=6,head_dim=8,layers=2")
    #expect(try Array(long.keys(layer: 0, kvHead: 0)[..<32]) == short.keys(layer: 0, kvHead: 0))
    #expect(try Array(long.queries(layer: 0, head: 1)[..<32]) == short.queries(layer: 0, head: 1))
    let decoding = try open("sink,heads=4,kv_heads=2,tokens=6,query_tokens=2,head_dim=8,layers=2")
    #expect(try decoding.queries(layer: 1, head: 3) == Array(long.queries(layer: 1, head: 3)[32...]))
    #expect(
      try open("normal,seed=2,tokens=2").keys(layer: 0, kvHead: 0)
        != open("normal,seed=1,tokens=2").keys(layer: 0, kvHead: 0))
  }

  /// Every query's score with key 0 stands well above its scores with the others, at positions not yet rotated.
  @Test(arguments: ["half-split", "interleaved"]) func sinkDrawsAttention(layout: String) throws {
    let input = try open("sink,heads=2,kv_heads=1,tokens=32,head_dim=64,layers=1,layout=\(layout)")
    let keys = try input.keys(layer: 0, kvHead: 0)
    for head in 0..<2 {
      let queries = try input.queries(layer: 0, head: head)
      func score(_ query: Int, _ key: Int) -> Double {
        (0..<64).reduce(0) { $0 + queries[query * 64 + $1] * keys[key * 64 + $1] }
      }
      let first = (1..<32).map { score($0, 0) }.reduce(0, +) / 31
      let others = (1..<32).flatMap { i in (1...i).map { score(i, $0) } }
      // 4 · 16 channels; the scores of normal vectors average 0.
      #expect(abs(first - 64) < 20)
      #expect(abs(others.reduce(0, +) / Double(others.count)) < 5)
    }
    // The direction lies in the slowest quarter of the pairs.
    let rotated = (0..<64).filter { keys[$0] != 0 }
    let slow: [Int] = layout == "interleaved" ? Array(48..<64) : Array(24..<32) + Array(56..<64)
    #expect(rotated == slow)
  }

  @Test(
    arguments: [
      "bits=16", "bits=24,dtype=fp16", "bits=100", "bits=60,dtype=fp64,layout=interleaved",
      "bits=7,dtype=fp32,head_dim=9,rotary_size=4", "bits=20,query_tokens=3",
    ])
  func cancellationIsExactAtEqualPositions(spelling: String) throws {
    let synthetic = try SyntheticInput(
      spelling: "synthetic:cancellation,heads=2,kv_heads=1,tokens=6,layers=1," + spelling)
    let input = try synthetic.attentionInput()
    let d = synthetic.headSize
    let keys = try input.keys(layer: 0, kvHead: 0)
    let slowest = synthetic.layout == "interleaved" ? synthetic.rotarySize - 2 : synthetic.rotarySize / 2 - 1
    let rows = synthetic.queryTokens
    for head in 0..<2 {
      let queries = try input.queries(layer: 0, head: head)
      for row in 0..<rows {
        let query = queries[row * d..<(row + 1) * d]
        let key = keys[(row + 6 - rows) * d..<(row + 7 - rows) * d]
        // Each product of bf16, fp16 or fp32 values is exact in binary64, and so is their sum once paired; fp64 values here
        // have at most 36 bits, whose products take 72: compare the terms of a pair, which must be opposite.
        let terms = zip(query, key).map(*)
        let remainder = terms[slowest]
        let sorted = terms.enumerated().filter { $0.offset != slowest }.map(\.element).sorted()
        #expect(zip(sorted, sorted.reversed()).allSatisfy { $0 + $1 == 0 })
        let size = terms.reduce(0) { $0 + abs($1) }
        #expect(abs(remainder) < size * Double(sign: .plus, exponent: -synthetic.bits, significand: 1) * 36)
        #expect(query.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test func savedInputsReadBack() throws {
    let input = try open("cancellation,heads=2,kv_heads=1,tokens=3,head_dim=8,layers=2,dtype=fp16,bits=20")
    let saved = try AttentionInput(SafetensorsFile(bytes: input.safetensors().bytes(), named: "saved"))
    #expect(saved.metadata == input.metadata && saved.layerShapes == input.layerShapes)
    for layer in 0..<2 {
      for head in 0..<2 {
        #expect(try saved.queries(layer: layer, head: head) == input.queries(layer: layer, head: head))
      }
      #expect(try saved.values(layer: layer, kvHead: 0) == input.values(layer: layer, kvHead: 0))
    }
    #expect(try input.nonFiniteCount(layer: 1).total == 0)
  }
}
