// `report --against --null`: what may not be concluded.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct PropagatedWarningTests {
  private let scratch: ScratchFolder

  init() throws { scratch = try ScratchFolder() }

  /// One head of eight tokens; `change` is what queries are moved by.
  private func capture(_ name: String, shift: Int, change: Double = 0, note: String? = nil) throws -> String {
    var metadata = ["rope.layout": "half-split", "rope.base": "100", "run.shift": String(shift)]
    metadata["run.null"] = note
    var writer = SafetensorsWriter(metadata: metadata)
    try writer.add(
      "layers.0.q", .f32, shape: [1, 8, 2], values: (0..<16).map { Double($0 * 5 % 7) - 3 + change })
    try writer.add("layers.0.k", .f32, shape: [1, 8, 2], values: (0..<16).map { Double($0 % 5) - 2 })
    return try scratch.file(name, writer.bytes())
  }

  private func report(_ arguments: String...) -> CommandResult {
    ropedrift(["report"] + arguments + ["--recipe", "hf-bf16", "-o", scratch.path + "/out", "--force"])
  }

  @Test func aControlThatChangesNothingAllowsNoConclusion() throws {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16, change: 0.25))
    let same = try capture("same", shift: 0, note: "threads")
    let result = report(a, "--against", b, "--null", same)
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("changes no logit and no probability, so it shows no noise"))
    #expect(!result.output.contains("rounding noise alone"), "\(result.output)")
    let other = try capture("other", shift: 0, change: 0.125, note: "order")
    #expect(report(a, "--against", b, "--null", other).output.contains("rounding noise alone"))
  }

  @Test func whatIsNotFiniteIsNoAgreement() throws {
    let (a, b) = (try capture("a", shift: 0), try capture("b", shift: 16, change: .nan))
    let null = try capture("null", shift: 0, change: 0.125, note: "order")
    let result = report(a, "--against", b, "--null", null)
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("no difference of the two runs is finite"), "\(result.output)")
    #expect(!result.output.contains("do not differ"))
    let reversed = report(
      a, "--against", try capture("c", shift: 16, change: 0.25), "--null",
      try capture("d", shift: 0, change: .nan, note: "order"))
    #expect(reversed.output.contains("no difference of the null control is finite"), "\(reversed.output)")
  }

  @Test func layersWithoutValuesAreNamedAndTheOthersMeasured() throws {
    var writer = SafetensorsWriter(metadata: ["rope.layout": "half-split", "rope.base": "100"])
    for name in ["layers.0.q", "layers.0.k", "layers.0.v", "layers.1.q", "layers.1.k"] {
      try writer.add(name, .f32, shape: [1, 8, 2], values: (0..<16).map { Double($0 % 5) - 2.3 })
    }
    let input = try scratch.file("v", writer.bytes())
    let out = scratch.path + "/patterns"
    let result = ropedrift("patterns", input, "--pattern", "full", "--recipe", "hf-bf16", "-o", out)
    #expect(result.exit == .done, "\(result.talk)")
    #expect(result.output.contains("layers without values (v), which figures of outputs leave out: 1"))
    let lines = try String(contentsOfFile: out + "/patterns.csv", encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    let (layer, count) = (
      try #require(lines[0].firstIndex(of: "layer")),
      try #require(lines[0].firstIndex(of: "output_error_count"))
    )
    #expect(
      lines.dropFirst().map { [$0[layer], $0[count]] }.prefix(3) == [
        ["all", "16"], ["0", "16"], ["1", "0"],
      ])
  }
}
