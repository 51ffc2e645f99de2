// `ropedrift parallelism`: heads that are shared keep their bits, rings change roundings, and what cannot be meant is refused.

import Foundation
import RoPEDrift
import Testing

@testable import RoPEDriftCommands

@Suite struct ParallelismTests {
  private let input = "synthetic:sink,heads=4,kv_heads=2,head_dim=16,layers=1,tokens=24"

  private func rows(_ arguments: String...) throws -> [[String: Any]] {
    let result = ropedrift(["parallelism", input, "--json"] + arguments)
    #expect(result.exit == .done, "\(result.talk)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    return try #require(object?["parallelism"] as? [[String: Any]])
  }

  @Test func headsThatAreSharedKeepTheirBitsAndRingsDoNot() throws {
    let rows = try rows("--ranks", "2,4")
    #expect(
      rows.map { $0["parallelism"] as? String } == [
        "ulysses", "ulysses", "ring", "ring", "zigzag-ring", "zigzag-ring",
      ])
    for row in rows {
      #expect(row["outputs"] as? Int == 4 * 24 * 16 && row["nonfinite_count"] as? Int == 0)
      let isUlysses = row["parallelism"] as? String == "ulysses"
      #expect((row["differing_outputs"] as? Int == 0) == isUlysses)
      #expect((row["max_abs_difference"] as? Double == 0) == isUlysses)
      let (shared, one) = (row["shared_max_abs_error"] as? Double, row["one_device_max_abs_error"] as? Double)
      #expect(try #require(shared) > 0 && (shared == one || !isUlysses))
    }
  }

  @Test func whatIsNotFiniteIsCountedAndGivesNoFigure() throws {
    let scratch = try ScratchFolder()
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for tensor in ["q", "k", "v"] {
      // A NaN in the first key reaches every query.
      let values = (0..<16).map { tensor == "k" && $0 == 1 ? .nan : Double($0 % 5) - 2 }
      try writer.add("layers.0.\(tensor)", .f32, shape: [1, 8, 2], values: values)
    }
    let path = try scratch.file("nan.safetensors", writer.bytes())
    let out = scratch.path + "/out"
    let result = ropedrift("parallelism", path, "--kinds", "ring", "--ranks", "2", "-o", out)
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("warning: 16 outputs are NaN or infinite"), "\(result.output)")
    let row = try String(contentsOfFile: out + "/parallelism.csv", encoding: .utf8).split(separator: "\n")[1]
    #expect(row.hasSuffix(",ring,2,16,0,16,,,,,,,,"), "\(row)")
  }

  @Test func oneRankIsOneDevice() throws {
    for row in try rows("--ranks", "1", "--kinds", "ring,zigzag-ring,ulysses") {
      // A zigzag ring of one rank has both chunks and meets them in one call.
      #expect(row["differing_outputs"] as? Int == 0)
    }
  }

  @Test func theFolderHoldsARowATokenAndDependsOnNoThreads() throws {
    let folder = try ScratchFolder()
    func files(_ threads: String) throws -> [String] {
      let out = folder.path + "/out\(threads)"
      let result = ropedrift(
        "parallelism", input, "--ranks", "2", "--kinds", "ring", "--threads", threads, "-o", out)
      #expect(result.exit == .done, "\(result.talk)")
      return try ["parallelism.csv", "parallelism_tokens.csv", "run.json", "datapackage.json"].map {
        try String(contentsOfFile: out + "/" + $0, encoding: .utf8)
      }
    }
    let one = try files("1")
    #expect(try one == files("3"))
    #expect(one[1].split(separator: "\n").count == 1 + 24 && one[2].contains("zhuzilin/ring-flash-attention"))
  }

  @Test(arguments: [
    (["--ranks", "5"], "ring over 5 ranks"), (["--ranks", "0"], "0 ranks"),
    (["--ranks", "2,x"], "'x' is no number"),
    (["--ranks", "13", "--kinds", "zigzag-ring"], "needs 26 chunks"),
    (["--ranks", "3", "--kinds", "ulysses"], "4 query heads"),
    (["--kinds", "rings"], "did you mean 'ring'?"), (["--kinds", "ring,ring"], "asked for twice"),
    (["--recipe", "hf-bf16"], "normalizes whole rows"), (["--force"], "no effect without -o"),
    (["--layers", "3"], "layer"),
  ])
  func whatCannotBeMeantIsWrongUsage(_ arguments: [String], _ message: String) {
    let result = ropedrift(
      ["parallelism", input] + (arguments.contains("--ranks") ? [] : ["--ranks", "2"]) + arguments)
    #expect(result.exit == .wrongUsage && result.talk.contains(message), "\(result.talk)")
  }
}
