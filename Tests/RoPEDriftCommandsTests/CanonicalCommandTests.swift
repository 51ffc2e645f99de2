// The command that a record of a run holds makes the same run again: what decides a figure is in it, in every command.

import RoPEDriftCommands
import Testing

@Suite struct CanonicalCommandTests {
  /// A capture of two Llama-like heads that a model's flags fit.
  static let input = "synthetic:normal,tokens=5,heads=32,kv_heads=8,head_dim=128,layers=1"

  @Test func columnsNamesTheModelAndTheScale() {
    let typed = [
      "columns", Self.input, "--recipe", "fp32", "--keys", "0,1", "--shifts=-3,4", "--heads", "0-1",
      "--model", "llama-3.1-8b", "--scale", "1/8", "--drift-only", "--json", "--threads", "1",
    ]
    let found = ropedrift(typed)
    #expect(found.exit == .done, "\(found.talk)")
    #expect(
      found.output.contains(
        "ropedrift columns \(Self.input) --recipe fp32 --keys 0,1 --shifts=-3,4 --heads 0-1 --model llama-3.1-8b --scale 1/8 --drift-only"
      ), "\(found.output.prefix(600))")
  }

  @Test func anglesNamesTheModel() {
    let found = ropedrift(
      "angles", "--model", "llama-3.1-8b", "--recipe", "fp32", "--positions", "0-9", "--json")
    #expect(found.exit == .done, "\(found.talk)")
    #expect(
      found.output.contains(
        "ropedrift angles --model llama-3.1-8b --recipe fp32 --positions 0-9"),
      "\(found.output.prefix(600))")
  }
}
