// How much is said, in which colour, and what shells offer.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Synchronization
import Testing

@Suite struct PrintingTests {
  /// A score under a flag that contradicts the metadata, which is noted.
  static let noted = [
    "score", "--layer", "7", "--head", "0", "--query", "5", "--key", "0", "--layout", "interleaved",
  ]

  @Test func quietSaysNothingButErrors() {
    let normal = ropedrift(Self.noted)
    let quiet = ropedrift(Self.noted + ["--quiet"])
    #expect(normal.talk.hasPrefix("ropedrift: note: --layout"))
    #expect(quiet.talk.isEmpty && quiet.output == normal.output)
    #expect(ropedrift("formats", "no-such", "-q").talk.hasPrefix("ropedrift: error: "))
  }

  @Test func verboseSaysWhatWasReadAndWhatItCost() {
    let verbose = ropedrift(Self.noted + ["-v"])
    let lines = verbose.talk.split(separator: "\n").map(String.init)
    #expect(lines.first?.hasPrefix("ropedrift: info: ropedrift \(RoPEDriftVersion.current)") == true)
    #expect(
      lines.contains(
        "ropedrift: info: input shipped-sample, layer 7: 9 query heads, 3 key heads of 64 channels, 512 queries, 512 keys"
      ))
    #expect(lines.contains { $0.hasPrefix("ropedrift: info: problem: layout interleaved, base 100000,") })
    #expect(lines.last?.hasPrefix("ropedrift: info: took ") == true)
    #expect(verbose.output == ropedrift(Self.noted).output)
    #expect(ropedrift(Self.noted + ["-v", "-q"]).exit == .wrongUsage)
  }

  @Test func colourIsUsedWhenAskedForAndChangesNoText() {
    let plain = ropedrift("formats")
    let coloured = ropedrift("formats", "--color", "always")
    #expect(!plain.output.contains("\u{1B}") && coloured.output.hasPrefix("\u{1B}[1mformat "))
    #expect(coloured.output.replacing(/\u{1B}\[[0-9;]*m/, with: "") == plain.output)
    #expect(
      ropedrift("formats", "no-such", "--color", "always").talk
        .hasPrefix("ropedrift: \u{1B}[1;31merror:\u{1B}[0m "))
    #expect(ropedrift("formats", "--color", "purple").exit == .wrongUsage)
  }

  @Test func aTerminalGetsColourUnlessItIsForbidden() {
    func output(_ arguments: [String]) -> String {
      let written = Mutex("")
      _ = CommandLineTool.run(
        arguments,
        console: Console(
          data: { text in written.withLock { $0 += text } }, talk: { _ in },
          terminals: Terminals(dataTakesEscapes: true, dataWidth: 40)))
      return written.withLock { $0 }
    }
    // The tests may run where NO_COLOR is set.
    let isForbidden = !(ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    #expect(output(["formats"]).contains("\u{1B}") == !isForbidden)
    let plain = output(["formats", "--color", "never"])
    #expect(!plain.contains("\u{1B}"))
    #expect(plain.split(separator: "\n").allSatisfy { $0.count <= 40 })
    #expect(plain.components(separatedBy: "format  ").count > 2, "the first column is repeated")
    let json = ropedrift("formats", "bf16", "--json")
    #expect(output(["formats", "bf16", "--json"]) == json.output)
  }

  @Test(
    arguments: [
      ("report", "--recipe", "hf-", "hf-bf16"), ("report", "--rotary", "vl", "vllm"),
      ("score", "--attention", "hf", "hf-eager"), ("columns", "--model", "llama-3", "llama-3.1-8b"),
      ("round", "--format", "fp8", "fp8-e4m3fn"), ("round", "--rounding", "od", "odd"),
      ("report", "--layout", "", "half-split"), ("report", "--scaling", "ya", "yarn:"),
    ])
  func shellsAreOfferedNames(_ command: String, _ flag: String, _ typed: String, _ name: String) {
    let found = ropedrift(
      "---completion", command, "--", flag, "3", "\(typed.count)", "ropedrift", command, flag, typed)
    #expect(found.exit == .done)
    let offered = found.output.split(separator: "\n").map(String.init)
    #expect(offered.contains(name) && offered.allSatisfy { $0.hasPrefix(typed) || $0.hasSuffix("/") })
  }

  @Test func shellsAreOfferedTheUsersRecipes() throws {
    let folder = try ScratchFolder()
    let mine = try folder.file("mine.json", [])
    _ = try folder.file("mine.txt", [])
    let typed = folder.path + "/mi"
    let found = ropedrift(
      "---completion", "report", "--", "--recipe", "3", "\(typed.count)", "ropedrift", "report", "--recipe",
      typed)
    #expect(found.output.split(separator: "\n").map(String.init) == [mine])
  }
}
