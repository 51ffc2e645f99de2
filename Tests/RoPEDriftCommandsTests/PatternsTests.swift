// `patterns` and `needles`: folders, defaults, and everything that can be wrong with what was typed.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct PatternsTests {
  private let scratch: ScratchFolder
  private let small = "synthetic:sink,heads=2,kv_heads=1,tokens=12,head_dim=4,layers=1"

  init() throws { scratch = try ScratchFolder() }

  private func lines(_ name: String, in folder: String = "out") throws -> [String] {
    try String(contentsOfFile: scratch.path + "/\(folder)/" + name, encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  @Test func theFolderHoldsARowForEachPatternRecipeLayerAndHead() throws {
    let result = ropedrift(
      "patterns", small, "--documents", "3,9", "--pattern", "anchor", "--pattern", "anchor-copy/continuous",
      "--pattern", "intra/reset", "--recipe", "hf-bf16", "--recipe", "fp32", "-o", scratch.path + "/out")
    #expect(result.exit == .done, "\(result.talk)")
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/out").sorted()
    #expect(
      files == [
        "datapackage.json", "pattern_documents.csv", "pattern_layout.csv", "pattern_tokens.csv",
        "patterns.csv", "run.json",
      ])
    // All, one layer, two heads; two documents; two chunks; two spaces of twelve keys.
    #expect(try lines("patterns.csv").count == 1 + 3 * 2 * 4)
    #expect(try lines("pattern_documents.csv").count == 1 + 3 * 2 * 2)
    #expect(try lines("pattern_layout.csv").count == 1 + 3 * 2)
    #expect(try lines("pattern_tokens.csv").count == 1 + 3 * 2 * 2 * 12)
    #expect(result.output.contains("anchor-copy/continuous") && result.output.contains("the two forms"))
    let record = try lines("run.json").joined(separator: "\n")
    #expect(
      record.contains(
        "ropedrift patterns \(small) --pattern anchor --pattern anchor-copy/continuous --pattern intra/reset --documents 3,9 "
          + "--recipe hf-bf16 --recipe fp32"))
    #expect(!record.contains("/tmp") && record.contains("document_lengths"))
  }

  /// A pattern's rows of drift and error are those of a report with the same mask.
  @Test func figuresAreThoseOfAReport() throws {
    let options = ["--documents", "3,9", "--recipe", "hf-bf16", "--shifts", "2,300"]
    let pattern = ropedrift(
      ["patterns", small, "--pattern", "anchor/reset", "-o", scratch.path + "/out"] + options)
    let report = ropedrift(
      ["report", small, "--mask", "anchor", "--positions", "reset", "-o", scratch.path + "/report"] + options)
    #expect(pattern.exit == .done && report.exit == .done, "\(pattern.talk) \(report.talk)")
    for (mine, theirs) in [("patterns.csv", "summary.csv"), ("pattern_tokens.csv", "tokens.csv")] {
      let expected = try lines(theirs, in: "report").dropFirst()
      for (found, expected) in zip(try lines(mine).dropFirst(), expected) {
        #expect(found.hasPrefix("anchor/reset,\(expected)"))
      }
      #expect(expected.count == (try lines(mine).count) - 1)
    }
  }

  @Test func theSameBytesForAnyNumberOfThreads() throws {
    for threads in ["1", "3"] {
      let result = ropedrift(
        "patterns", small, "--recipe", "hf-bf16", "--threads", threads, "-o", scratch.path + "/out\(threads)")
      #expect(result.exit == .done && result.talk.contains("4 documents of 3, 3, 3, 3 tokens"))
    }
    for file in [
      "patterns.csv", "pattern_documents.csv", "pattern_layout.csv", "pattern_tokens.csv", "run.json",
    ] {
      #expect(try lines(file, in: "out1") == lines(file, in: "out3"), "\(file)")
    }
    #expect(try lines("patterns.csv", in: "out1").contains { $0.hasPrefix("window:3/continuous,") })
  }

  @Test func theLayoutIsShownWithoutMeasuring() throws {
    let found = ropedrift(
      "patterns", small, "--documents", "4,4", "--tag-tokens", "2", "--interleave", "3", "--pattern",
      "intra/reset", "--pattern", "full", "--show-layout", "--json")
    #expect(found.exit == .done, "\(found.talk)")
    let rows = try #require(
      try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [[String: Any]])
    // 6 tokens each in chunks of 3: 0, 1, 0, 1.
    #expect(rows.count == 8)
    #expect(rows.map { $0["first_position"] as? Int } == [0, 0, 3, 3, 0, 3, 6, 9])
    #expect(rows.map { $0["visible_keys"] as? Int } == [3, 3, 6, 6, 3, 6, 9, 12])
    #expect(rows.map { $0["visible_keys_of_document"] as? Int } == [3, 3, 6, 6, 3, 3, 6, 6])
    #expect(rows.map { $0["visible_tag_keys"] as? Int } == [2, 2, 2, 2, 2, 2, 2, 2])
    #expect(rows.map { $0["tag_tokens"] as? Int } == [2, 2, 0, 0, 2, 2, 0, 0])
  }

  @Test(arguments: [
    (["--documents", "3,8"], "2 documents have 11 tokens together, but the window has 12"),
    (["--documents", "12,0"], "document 1 has 0 tokens"),
    (["--documents", "12,-1"], "document 1"),
    (["--pattern", "anchr"], "did you mean"),
    (["--pattern", "full/reset", "--documents", "3,9"], "positions 'reset'"),
    (["--pattern", "full/anchor"], "need a mask with an anchor"),
    (["--pattern", "full/none.txt"], "no file 'none.txt'"),
    (["--pattern", "full", "--pattern", "full/continuous"], "named twice"),
    (["--block-size", "0"], "a block has 1 to"),
    (["--block-size", "9223372036854775807"], "a block has 1 to"),
    (["--shifts", "0,1", "--shifts", "0,2"], "one pair of shifts"),
    (["--interleave", "0", "--documents", "3,9"], "a chunk has one at least"),
    (["--interleave", "3"], "--documents"),
    (["--show-layout", "-o", "x"], "measures nothing"),
    (["--force"], "without -o"),
    (["--heads", "2"], "no head 2"),
  ]) func wrongUsageIsAnsweredWithTheMend(_ flags: [String], _ message: String) {
    let found = ropedrift(["patterns", small] + flags)
    #expect(found.exit == .wrongUsage && found.talk.contains(message), "\(found.talk)")
    #expect(found.output.isEmpty)
  }

  @Test func positionsOutOfOrderAreNamedByToken() throws {
    let path = scratch.path + "/positions.json"
    try "[0,1,2,9,4,5,6,7,8,10,11,12]".write(toFile: path, atomically: true, encoding: .utf8)
    let found = ropedrift("patterns", small, "--documents", "3,9", "--pattern", "intra/" + path)
    #expect(found.exit == .wrongUsage)
    #expect(found.talk.contains("token 4 has position 4, not above position 9 of token 3"), "\(found.talk)")
    // A file of documents that overlap is a bad file.
    let documents = scratch.path + "/documents.jsonl"
    try "[0,5]\n[4,12]\n".write(toFile: documents, atomically: true, encoding: .utf8)
    let overlap = ropedrift("patterns", small, "--documents", documents)
    #expect(
      overlap.exit == .failed && overlap.talk.contains("document 1 begins at token 4"), "\(overlap.talk)")
  }

  // MARK: Needles

  @Test func needlesWriteOneTable() throws {
    let found = ropedrift(
      "needles", small, "--lengths", "64,100", "--recipe", "hf-bf16", "--documents",
      "log-normal:median=30,sigma=0.1",
      "--margins", "0.25,1", "--depths", "0.5", "--seed", "7", "-o", scratch.path + "/out")
    #expect(found.exit == .done, "\(found.talk)")
    #expect(found.output.contains("no score of a model") && found.output.contains("multi-key"))
    let rows = try lines("needles.csv")
    #expect(rows.filter { $0.contains(",all,") }.count == 2 * 4 * 3)
    #expect(
      try lines("run.json").joined().contains(
        "ropedrift needles \(small) --lengths 64,100 --documents log-normal:median=30,sigma=0.1 --recipe hf-bf16 --depths 0.5 "
          + "--margins 0.25,1 --seed 7"))
  }

  @Test(arguments: [
    (["--lengths", "0"], "no number of tokens"), (["--lengths", "64,64"], "names a length twice"),
    (["--lengths", "64,x"], "no number of tokens"), (["--task", "singel"], "did you mean"),
    (["--needles", "1"], "2 to 64"), (["--queries", "0"], "1 to 1024"), (["--depths", "1.5"], "outside 0"),
    (["--margins", "0"], "more than zero"), (["--margins", "inf"], "no number"),
    (["--margins", "1e308"], "below 2^100"), (["--margins", "1e999"], "out of range"),
    (["--margins", "1,2,1.0"], "named twice"), (["--depths", "0,0"], "named twice"),
    (["--lengths", "5"], "the last token sees"),
    (["--lengths", "2", "--task", "single"], "sees 2 keys"),
    (["--lengths", "64", "--documents", "60,4"], "the last token sees 4 keys"),
    (["--lengths", "64", "--documents", "60,5"], "length 64: 2 documents have 65 tokens together"),
    (["--shift", "9007199254740992"], "2^53"),
    (
      ["--shift", "9007199254740990", "--pattern", "full"],
      "puts positions at 9007199254740990 … 9007199254741053, outside"
    ),
  ]) func wrongNeedlesAreAnsweredWithTheMend(_ flags: [String], _ message: String) {
    let found = ropedrift(
      ["needles", small] + (flags.contains("--lengths") ? [] : ["--lengths", "64"]) + flags)
    #expect(found.exit == .wrongUsage && found.talk.contains(message), "\(found.talk)")
  }

  @Test func oneNeedleNeedsNoMoreRoomThanItTakes() {
    for flags in [["--lengths", "3"], ["--lengths", "64", "--needles", "64"]] {
      let found = ropedrift(["needles", small, "--task", "single", "--recipe", "fp32"] + flags)
      #expect(found.exit == .done, "\(found.talk)")
    }
  }

  /// Keys of one value and an infinite, or a NaN, one: no row that it is in has a margin, and none is taken for a trial.
  @Test(arguments: [Double.nan, .infinity]) func rowsWithoutAMarginAreNoTrials(_ value: Double) throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for tensor in ["q", "k"] {
      // Key 0, which stands at token 0 of every window and is never replaced.
      let values = (0..<32).map { tensor == "k" && $0 == 1 ? value : Double(($0 * 7) % 5) - 1.5 }
      try writer.add("layers.0.\(tensor)", .f32, shape: [1, 8, 4], values: values)
    }
    let path = try scratch.file("bad.safetensors", writer.bytes())
    let found = ropedrift(
      "needles", path, "--lengths", "64", "--pattern", "full", "--pattern", "window:8", "--recipe", "fp32",
      "--recipe", "hf-bf16", "--task", "single", "-o", scratch.path + "/out")
    #expect(found.exit == .done, "\(found.talk)")
    let (nans, infinities) = value.isNaN ? (1, 0) : (0, 1)
    #expect(
      found.output.contains("warning: layers.0.k holds \(nans) NaN and \(infinities) infinite values"),
      "\(found.output)")
    // 2 queries, 5 depths, 11 margins.
    #expect(found.output.contains("left out: 110 trials without an exact margin"), "\(found.output)")
    let rows = try lines("needles.csv").filter { $0.contains(",all,") }
    #expect(rows.count == 4)
    for row in rows {
      let cells = row.split(separator: ",", omittingEmptySubsequences: false)
      if row.contains("full/") {
        // No trial: no flips, no rate, no change, nothing counted but what was left out.
        #expect(cells.dropFirst(8) == ["0", "0", "", "", "", "", "0", "0", "0", "110"], "\(row)")
      } else {
        // The window does not see the key, and drawn keys are never the input's first.
        #expect(cells.last == "0" && Int(cells[8])! > 0, "\(row)")
      }
    }
    #expect(try lines("run.json").joined().contains("nonfinite"))
  }

  /// A key that is finite as stored and overflows in fp16: margins exist, and the recipe's NaN loses every needle of its rows.
  @Test func aNaNOfTheArithmeticIsALostNeedleWithoutAChange() throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for tensor in ["q", "k"] {
      // Key 0 at position 0: infinity times sin 0.
      let values = (0..<32).map { tensor == "k" && $0 < 4 ? 70000 : Double(($0 * 7) % 5) - 1.5 }
      try writer.add(
        "layers.0.\(tensor)", .f32, shape: [1, 8, 4],
        values: values.enumerated().map {
          tensor == "k" && $0 >= 4 ? $1 * 10000 : $1
        })
    }
    let found = ropedrift(
      "needles", try scratch.file("large.safetensors", writer.bytes()), "--lengths", "64", "--pattern",
      "full",
      "--recipe", "hf-llama/hf-eager/fp16", "--recipe", "fp32", "-o", scratch.path + "/out")
    #expect(found.exit == .done, "\(found.talk)")
    #expect(found.output.contains("emulated margins are NaN or infinite"), "\(found.output)")
    for row in try lines("needles.csv").filter({ $0.contains(",all,") }) {
      let cells = row.split(separator: ",", omittingEmptySubsequences: false)
      let isNaN = row.contains("fp16")
      // trials, flips, nonfinite_count; mean change; without_margin_count.
      #expect(Int(cells[8])! > 0 && cells.last == "0", "\(row)")
      #expect((cells[9] == cells[8]) == isNaN && cells[14] == (isNaN ? cells[8] : "0"), "\(row)")
      #expect(cells[11].isEmpty == isNaN, "\(row)")
    }
  }

  // MARK: Operations

  @Test func operationsOfAModelAreSharesThatFitTogether() throws {
    let found = ropedrift(
      "flops", "--model", "llama-2-7b", "--contexts", "65536", "--document-lengths", "1024,65536",
      "--documents",
      "log-normal:median=512", "--json")
    #expect(found.exit == .done, "\(found.talk)")
    let rows = try #require(
      try JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [[String: Any]])
    // A length as long as the window is no row.
    #expect(rows.map { $0["documents"] as? String } == ["1024", "log-normal:median=512"])
    let (full, part) = (rows[0]["flops_full"] as? Double, rows[0]["flops"] as? Double)
    #expect(abs(try #require(rows[0]["saving_at_most"] as? Double) - (1 - part! / full!)) < 1e-15)
    #expect(ropedrift("flops", "--model", "llama-2-7b").output.contains("half up to"))
  }

  @Test(arguments: [
    (["--model", "llama-2-7c"], CommandExit.wrongUsage, "llama-2-7b"), ([], .wrongUsage, "no model is named"),
    (["--model", "deepseek-v3"], .failed, "does not say"),
    (["--model", "llama-2-7b", "--mask", "window:3"], .wrongUsage, "--mask"),
    (["--model", "llama-2-7b", "--contexts", "0"], .wrongUsage, "no number of tokens"),
    (["--model", "llama-2-7b", "--document-lengths", "999999"], .wrongUsage, "no documents are shorter"),
    (["--model", "llama-2-7b", "--document-lengths", "a"], .wrongUsage, "no number of tokens"),
    (["--model", "llama-2-7b", "--documents", "lognormal"], .wrongUsage, "unknown generator"),
    (["--model", "llama-2-7b", "--contexts", "16384,16384"], .wrongUsage, "16384 twice"),
    (["--model", "llama-2-7b", "--document-lengths", "512,64,512"], .wrongUsage, "512 twice"),
    (["--model", "llama-2-7b", "--model", "llama-2-7b"], .wrongUsage, "named twice"),
  ]) func operationsThatCannotBeCountedAreAnswered(_ flags: [String], _ exit: CommandExit, _ message: String)
  {
    let found = ropedrift(["flops"] + flags)
    #expect(found.exit == exit && found.talk.contains(message), "\(found.talk)")
  }
}
