// Files of documents and positions that cannot be meant, and warnings: one label, a reason, an exit code.

import Foundation
import RoPEDriftCommands
import Testing

@Suite struct TextFileTests {
  private let scratch: ScratchFolder
  private let small = "synthetic:sink,heads=2,kv_heads=1,tokens=12,head_dim=4,layers=1"
  private let zeros = String(repeating: ",0", count: 11)

  init() throws { scratch = try ScratchFolder() }

  private func patterns(_ flags: String...) -> CommandResult {
    ropedrift(["patterns", small, "--show-layout"] + flags)
  }

  @Test func aFolderIsSaidToBeOne() {
    for found in [
      patterns("--documents", scratch.path),
      patterns("--documents", "6,6", "--pattern", "intra/" + scratch.path),
    ] {
      #expect(found.exit == .failed && found.talk.contains("found a folder"), "\(found.talk)")
      #expect(!found.talk.contains("Cocoa"))
    }
  }

  @Test func aFileThatIsNotThereMayBeAMisspeltName() {
    for word in ["none.json", "none/none.json", String(repeating: "x", count: 5000)] {
      let found = patterns("--documents", word)
      #expect(found.exit == .wrongUsage && found.talk.contains("there is no file"), "\(found.talk)")
    }
  }

  @Test func aByteOrderMarkIsNamed() throws {
    let documents = try scratch.file("d.json", Array("\u{FEFF}[6, 6]".utf8))
    let positions = try scratch.file("p.txt", Array("\u{FEFF}0 1 2 3 4 5 6 7 8 9 10 11".utf8))
    for found in [
      patterns("--documents", documents), patterns("--documents", "6,6", "--pattern", "intra/" + positions),
    ] {
      #expect(
        found.exit == .failed
          && found.talk.contains("begins with a byte order mark; save it as UTF-8 without"),
        "\(found.talk)")
    }
  }

  @Test(arguments: [
    ("[18446744073709551617]", "the length is the number 18446744073709551617, which is out of range"),
    (
      "[[0, 99999999999999999999]]",
      "the token after the last is the number 99999999999999999999, which is out"
    ),
    ("{\"length\": -9223372036854775809}", "out of range"),
    ("[6.0, 6]", "is the number 6.0, expected an integer"), ("[1e1, 2]", "is the number 1e1, expected"),
  ]) func integersBeyondAllWindowsAreOutOfRange(_ text: String, _ message: String) throws {
    let found = patterns("--documents", try scratch.file("d.json", Array(text.utf8)))
    #expect(found.exit == .failed && found.talk.contains(message), "\(found.talk)")
  }

  @Test(arguments: [
    ("9223372036854775808", "position 0 is 9223372036854775808, outside ±2^53"),
    ("-99999999999999999999", "position 0 is -99999999999999999999, outside ±2^53"),
    ("9007199254740993", "token 0 has position 9007199254740993, outside ±2^53"),
    ("1.5", "position 0 is \"1.5\", expected an integer"), ("--1", "expected an integer"),
  ]) func positionsBeyondTheIntegersAreOutOfRange(_ first: String, _ message: String) throws {
    let path = try scratch.file("p.txt", Array((first + zeros).utf8))
    let found = patterns("--documents", "6,6", "--pattern", "intra/" + path)
    #expect(found.exit != .done && found.talk.contains(message), "\(found.talk)")
  }

  @Test func numbersOfFlagsThatNoWindowHas() {
    for size in ["9e99", "99999999999999999999", "0", "-3", "x"] {
      let found = patterns("--documents", "6,6", "--pattern", "window:" + size)
      #expect(found.exit == .wrongUsage && found.talk.contains("'\(size)' keys, which is out of range"))
    }
    #expect(patterns("--documents", "6,6", "--pattern", "window:").talk.contains("without a size"))
    #expect(
      patterns("--documents", "6,6", "--interleave", "99999999999999999999").talk.contains("out of range"))
    #expect(patterns("--documents", "18446744073709551617,1").talk.contains("tokens are out of range"))
  }

  @Test func aWarningHasOneLabel() {
    let found = ropedrift(
      "report", small, "--mask", "intra", "--recipe", "fp32", "-o", scratch.path + "/out")
    #expect(found.exit == .done && found.talk.contains("ropedrift: warning: the window is one document"))
    #expect(!found.talk.contains("note: warning"), "\(found.talk)")
  }
}
