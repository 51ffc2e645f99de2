// Metadata beside flags, and `ropedrift inspect`.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

/// One layer with one head, two tokens and two channels: q = [1 0; 0 1], k = [3 4; nan 1].
private func tinyFile(metadata: [String: String], layers: Int = 1) throws -> [UInt8] {
  var writer = SafetensorsWriter(metadata: metadata)
  for layer in 0..<layers {
    try writer.add("layers.\(layer).q", .f32, shape: [1, 2, 2], values: [1, 0, 0, 1])
    try writer.add("layers.\(layer).k", .f32, shape: [1, 2, 2], values: [3, 4, .nan, 1])
  }
  return writer.bytes()
}

private let pair = ["--layer", "0", "--head", "0", "--query", "1", "--key", "0"]

@Suite struct ProblemOptionsTests {
  private func score(_ metadata: [String: String], _ flags: String...) throws -> CommandResult {
    let folder = try ScratchFolder()
    let path = try folder.file("tiny.safetensors", tinyFile(metadata: metadata))
    return ropedrift(["score", path] + pair + flags)
  }

  @Test func layoutAndBaseAreNeverGuessed() throws {
    let noLayout = try score(["rope.base": "10000"])
    #expect(noLayout.exit == .failed)
    #expect(
      noLayout.talk.contains(
        "the metadata has no rope.layout; say it with --layout, half-split or interleaved"))
    let noBase = try score(["rope.layout": "half-split"])
    #expect(noBase.exit == .failed)
    #expect(noBase.talk.contains("the metadata has no rope.base; say it with --base"))
    let flags = try score([:], "--base", "10000", "--layout", "interleaved")
    #expect(flags.exit == .done)
    #expect(flags.talk.isEmpty)
  }

  @Test func flagsWinWithANote() throws {
    let result = try score(
      ["rope.base": "500000", "rope.layout": "half-split", "rope.rotary_size": "2"], "--base", "1e4",
      "--layout", "half-split")
    #expect(result.exit == .done)
    #expect(result.talk.hasPrefix("ropedrift: note: --base 1e4 overrides rope.base '500000' of "))
    let same = try score(["rope.base": "10000", "rope.layout": "half-split"], "--base", "1e4")
    #expect(same.talk.isEmpty)
  }

  @Test func brokenMetadataIsAFailureThatAFlagMends() throws {
    for (metadata, message) in [
      (
        ["rope.layout": "halfsplit", "rope.base": "1"],
        "rope.layout is 'halfsplit' (did you mean 'half-split'?)"
      ),
      (
        ["rope.layout": "half-split", "rope.base": "ten"],
        "rope.base is 'ten', expected a finite number above zero"
      ),
      (
        ["rope.layout": "half-split", "rope.base": "10", "rope.rotary_size": "3"],
        "rotary size 3 with head size 2"
      ),
      (
        ["rope.layout": "half-split", "rope.base": "10", "rope.scaling": "linear:fctor=4"],
        "rope.scaling: linear has no 'fctor' (did you mean 'factor'?)"
      ),
    ] {
      let result = try score(metadata)
      #expect(result.exit == .failed)
      #expect(result.talk.contains(message) && result.talk.contains("tiny.safetensors"), "\(result.talk)")
      let mended = try score(
        metadata, "--layout", "half-split", "--base", "10", "--rotary-size", "2", "--scaling", "none")
      #expect(mended.exit == .done)
    }
  }

  @Test func wrongFlagsAreWrongUsage() throws {
    let metadata = ["rope.layout": "half-split", "rope.base": "10"]
    for (flags, message) in [
      (["--layout", "interleafed"], "--layout is 'interleafed' (did you mean 'interleaved'?)"),
      (["--base", "0"], "--base is '0', expected a finite number above zero"),
      (["--scale", "-1"], "scale '-1' is not a finite number above zero"),
      (["--rotary-size", "1"], "must be even"),
    ] {
      let folder = try ScratchFolder()
      let path = try folder.file("tiny.safetensors", tinyFile(metadata: metadata))
      let result = ropedrift(["score", path] + pair + flags)
      #expect(result.exit == .wrongUsage)
      #expect(result.talk.contains(message), "\(result.talk)")
    }
  }
}

@Suite struct IndexSelectionTests {
  @Test func listsAndRanges() throws {
    let selection = try IndexSelection("0,2,5-8,6")
    #expect(try selection.resolve(among: Array(0..<9), what: "head", owner: "x") == [0, 2, 5, 6, 7, 8])
    #expect(try IndexSelection("7-22").resolve(among: Array(7...22), what: "layer", owner: "x").count == 16)
  }

  @Test(arguments: ["", "1,", "a", "3-1", "1-2-3", "-1", "1.5", "99999999999999999999"])
  func refusesOtherText(_ typed: String) {
    #expect(throws: CommandFailure.self) { try IndexSelection(typed) }
  }

  @Test func whatIsNotThereIsNamed() throws {
    let expected = CommandFailure(.wrongUsage, "x has no layer 8; it has 7, 22")
    #expect(throws: expected) {
      try IndexSelection("7-9223372036854775807").resolve(among: [7, 22], what: "layer", owner: "x")
    }
  }
}

@Suite struct InspectTests {
  @Test func showsTensorsCountsAndMetadata() throws {
    let folder = try ScratchFolder()
    let path = try folder.file("tiny.safetensors", tinyFile(metadata: ["rope.base": "10"]))
    let result = ropedrift("inspect", path)
    #expect(result.exit == .done)
    #expect(result.output.contains("layers.0.k  F32   [1, 2, 2]    1         0  "))
    #expect(result.output.contains("rope.base  10\n"))
    #expect(!result.output.contains("not an input"))
  }

  @Test func showsFilesThatAreNoInput() throws {
    let folder = try ScratchFolder()
    var writer = SafetensorsWriter()
    try writer.add("weights", .f16, shape: [2], values: [1, -.infinity])
    let path = try folder.file("other.safetensors", writer.bytes())
    let result = ropedrift("inspect", path, "--json")
    #expect(result.exit == .done)
    let json = try #require(JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(json["is_attention_input"] as? Bool == false)
    let tensors = try #require(json["tensors"] as? [[String: Any]])
    #expect(tensors[0]["infinity_count"] as? Int == 1)
    let array = try folder.file("a.npy", NPYFile.bytes(.f64, shape: [3], values: [1, 2, .nan]))
    #expect(ropedrift("inspect", array).output.contains("F64   [3]      1         0"))
  }

  @Test func readsTheSampleGeneratorsAndFolders() throws {
    #expect(ropedrift("inspect").output.contains("layers.22.k  BF16  [3, 512, 64]"))
    #expect(
      ropedrift("inspect", "synthetic:normal,tokens=4,layers=1").output
        .contains("layers.0.q  BF16  [8, 4, 64]"))
    let folder = try ScratchFolder()
    for name in ["q", "k"] {
      _ = try folder.file("layers.3.\(name).npy", NPYFile.bytes(.f32, shape: [1, 1, 2], values: [1, 2]))
    }
    #expect(ropedrift("inspect", folder.path).output.contains("layers.3.q  F32   [1, 1, 2]"))
  }

  @Test func brokenInputsAreFailures() throws {
    let folder = try ScratchFolder()
    let cut = try folder.file("cut.safetensors", Array(tinyFile(metadata: [:]).prefix(40)))
    let failure = ropedrift("inspect", cut)
    #expect(failure.exit == .failed)
    #expect(failure.talk.contains("cut.safetensors: expected a header of"))
    #expect(ropedrift("inspect", folder.path + "/none").exit == .failed)
    #expect(ropedrift("inspect", "synthetic:snik").exit == .wrongUsage)
  }
}

@Suite struct NonFiniteScoreTests {
  /// The key in row 1 holds a NaN: no exact score, and every recipe gives NaN.
  @Test func theExactScoreIsNotDefined() throws {
    let folder = try ScratchFolder()
    let path = try folder.file(
      "tiny.safetensors", tinyFile(metadata: ["rope.base": "10", "rope.layout": "half-split"]))
    let arguments = ["score", path, "--layer", "0", "--head", "0", "--query", "1", "--key", "1"]
    let result = ropedrift(arguments + ["--recipe", "fp32"])
    #expect(result.exit == .done)
    #expect(result.talk.contains("the key of ") && result.talk.contains("the exact score is not defined"))
    #expect(result.output.contains("exact score  NaN\n"))
    let logit = result.output.split(separator: "\n").first { $0.hasPrefix("logit") }
    #expect(logit?.contains("NaN") == true)
    #expect(result.output.contains("error         not defined\n"))
    let json = try #require(
      JSONSerialization.jsonObject(
        with: Data(ropedrift(arguments + ["--recipe", "fp32", "--json"]).output.utf8))
        as? [String: Any])
    #expect((json["exact"] as? [String: Any])?["value"] as? String == "NaN")
  }
}
