// `ropedrift report --against --null`: whole runs compared, from files to tables.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite("report --against") struct PropagatedReportTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  /// A capture of one layer whose queries are `offset` away from those of a seeded normal input.
  private func capture(
    _ name: String, shift: Int?, offset: Double = 0, tokens: Int = 40, metadata: [String: String] = [:]
  ) throws -> String {
    let input = try AttentionInput.open(
      "synthetic:normal,heads=2,kv_heads=1,tokens=\(tokens),head_dim=8,layers=1,seed=5,dtype=fp32")
    var all = input.metadata
    all["run.shift"] = shift.map(String.init)
    all.merge(metadata) { $1 }
    var writer = SafetensorsWriter(metadata: all)
    try writer.add(
      "layers.0.q", .f32, shape: [2, tokens, 8],
      values: (0..<2).flatMap { try! input.queries(layer: 0, head: $0) }.map { Double(Float($0 + offset)) })
    try writer.add(
      "layers.0.k", .f32, shape: [1, tokens, 8], values: try input.keys(layer: 0, kvHead: 0))
    let path = folder.path + "/" + name
    try Data(writer.bytes()).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func rows(_ report: String, _ table: String) throws -> [[String: String]] {
    let lines = try String(contentsOfFile: "\(folder.path)/\(report)/\(table).csv", encoding: .utf8)
      .split(separator: "\n").map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
  }

  @Test("modes stand side by side, and words say what the null control has") func sideBySide() throws {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16, offset: 0.0009765625))
    let c = try capture("c", shift: 0, offset: -0.0009765625, metadata: ["run.null": "order"])
    let result = ropedrift(
      "report", a, "--against", b, "--null", c, "-o", folder.path + "/r", "--recipe", "fp32", "--recipe",
      "hf-bf16", "--lengths", "10,40")
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("fp32: rounding noise alone, without any shift, gives"))
    #expect(
      result.output.contains(
        "two runs at one shift differ about as much, so this is no sign of broken positions"))
    let found = try rows("r", "propagated").filter { $0["layer"] == "all" && $0["recipe"] == "hf-bf16" }
    #expect(found.map { $0["mode"]! } == ["propagated", "isolated", "carried", "null"])
    #expect(found.allSatisfy { $0["shift_1"] == "0" && $0["shift_2"] == "16" })
    #expect(found[0]["probability_part_of_propagated"] == "1.0")
    let part = Double(found[3]["d_weighted"]!)! / Double(found[0]["d_weighted"]!)!
    #expect(found[3]["probability_part_of_propagated"] == "\(part)")

    // The isolated rows are those of a report of the first run.
    #expect(
      ropedrift(
        "report", a, "-o", folder.path + "/alone", "--recipe", "hf-bf16", "--lengths", "10,40", "--shifts",
        "0,16"
      ).exit == .done)
    for (ours, theirs, keys) in [
      ("propagated", "summary", ["layer", "head"]),
      ("propagated_tokens", "tokens", ["space", "key"]),
      ("propagated_distances", "distances", ["space", "distance"]),
      ("propagated_lengths", "lengths", ["length"]),
    ] {
      let isolated = try rows("r", ours).filter {
        $0["recipe"] == "hf-bf16" && $0["mode"] == "isolated"
          && (ours != "propagated_tokens" || $0["layer"] == "all")
      }
      let alone = try rows("alone", theirs)
      #expect(isolated.count == alone.count && !alone.isEmpty, "\(ours)")
      for (row, other) in zip(isolated, alone) {
        for (name, value) in row where other[name] != nil {
          #expect(other[name] == value, "\(ours) \(name) at \(keys.map { row[$0]! })")
        }
      }
    }
    // The layer's rows, and the same for all layers, because there is one.
    let tokens = try rows("r", "propagated_tokens").filter { $0["recipe"] == "fp32" }
    #expect(tokens.count == 4 * 2 * 2 * 40)
    let record = try String(contentsOfFile: folder.path + "/r/run.json", encoding: .utf8)
    #expect(record.contains("--against \(b) --null \(c)") && record.contains("\"run.null\": \"order\""))
    #expect(!record.contains("--threads"))
  }

  @Test("the same bytes with any number of threads") func determinism() throws {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16, offset: 0.015625))
    for threads in ["1", "3"] {
      let result = ropedrift(
        "report", a, "--against", b, "-o", folder.path + "/t" + threads, "--recipe", "fa2-bf16", "--threads",
        threads)
      #expect(result.exit == .done && result.output.contains("warning: without a null control"))
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/t1").sorted()
    #expect(
      names == [
        "datapackage.json", "propagated.csv", "propagated_distances.csv", "propagated_lengths.csv",
        "propagated_tokens.csv", "run.json",
      ])
    for name in names {
      #expect(
        FileManager.default.contentsEqual(
          atPath: folder.path + "/t1/" + name, andPath: folder.path + "/t3/" + name), "\(name)")
    }
  }

  @Test("a null control that is the first run controls nothing, and the text says so") func nullIsFirst()
    throws
  {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16, offset: 0.5))
    let result = ropedrift(
      "report", a, "--against", b, "--null", a, "-o", folder.path + "/r", "--recipe", "fp32", "--json")
    #expect(result.exit == .done)
    #expect(result.output.contains("\"null_is_first_run\": true"))
    let null = try rows("r", "propagated").filter { $0["mode"] == "null" }
    #expect(null.allSatisfy { $0["sum_abs_logit_difference"] == "0.0" && $0["d_weighted"] == "0.0" })
  }

  @Test("runs that do not fit end with 4 and leave no folder") func unfit() throws {
    let (a, short) = (try capture("a", shift: 0), try capture("short", shift: 16, tokens: 39))
    let silent = try capture("silent", shift: nil)
    for (arguments, part) in [
      (["--against", a], "expected a run at another shift"),
      (["--against", short], "tensor 'layers.0.q': expected the shape [2, 40, 8]"),
      (["--against", silent], "expected the run's shift in the metadata, run.shift"),
      (["--against", short, "--shifts", "0,8"], "expected a run at shift 8, as --shifts says"),
      (["--against", folder.path + "/none"], "none: expected"),
    ] {
      let result = ropedrift(["report", a, "-o", folder.path + "/r", "--recipe", "fp32"] + arguments)
      #expect(result.exit == .comparisonMissing, "\(arguments): \(result.exit)")
      #expect(result.talk.contains(part), "\(result.talk)")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/r"))
    let stated = ropedrift(
      "report", a, "--against", silent, "--shifts", "0,16", "-o", folder.path + "/r", "--recipe", "fp32")
    #expect(stated.exit == .done, "\(stated.talk)")
  }

  @Test("options without an effect are refused") func usage() throws {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16))
    for (arguments, part) in [
      ([a, "--null", b], "add --against"), (["--against", b], "name INPUT"),
      ([a, "--against", b, "--sweep", "0,2"], "--sweep has no effect with --against"),
      ([a, "--against", b, "--mask", "anchor"], "--mask has no effect with --against"),
      ([a, "--against", b, "--documents", "20,20"], "--documents has no effect with --against"),
      ([a, "--against", b, "--html"], "--html has no effect with --against"),
      ([a, "--against", b, "--stored-frequencies"], "--stored-frequencies has no effect"),
      ([a, "--against", b, "--shifts", "0,16", "--shifts", "0,8"], "given once at most"),
      (["-", "--against", "-"], "standard input can be one run alone"),
    ] {
      let result = ropedrift(["report", "-o", folder.path + "/r", "--recipe", "fp32"] + arguments)
      #expect(result.exit == .wrongUsage, "\(arguments): \(result.exit)")
      #expect(result.talk.contains(part), "\(result.talk)")
    }
  }
}
