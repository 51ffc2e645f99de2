// `ropedrift check`: verdicts, exit codes and files of the command.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct CheckTests {
  private static let input = "synthetic:normal,tokens=24,heads=2,kv_heads=1,layers=1,head_dim=16"

  private func emulate(_ recipe: String, in folder: ScratchFolder, _ more: String...) -> String {
    let path = folder.path + "/" + "\(recipe.replacing("/", with: "-")).safetensors"
    let result = ropedrift(["emulate", Self.input, "--recipe", recipe, "-o", path, "--force"] + more)
    #expect(result.exit == .done, "\(result.talk)")
    return path
  }

  @Test func whatEmulateWritesIsBitEqual() throws {
    let folder = try ScratchFolder()
    for recipe in ["hf-bf16", "hf-llama/torch-cpu/fp16"] {
      let path = emulate(recipe, in: folder, "--tensors", "cos,sin,rotated_q,rotated_k,logits", "--shift=-5")
      let result = ropedrift("check", Self.input, "--against", path, "--recipe", recipe, "--require", "both")
      #expect(result.exit == .done, "\(result.output)\(result.talk)")
      #expect(result.output.contains("accuracy against the exact reference: pass (decides)"))
      #expect(
        result.output.contains(
          "not checked, because \(path) does not hold it: layers.0.probabilities, layers.0.output"))
    }
  }

  @Test func aFailureHasItsExitCodeAndItsFiles() throws {
    let folder = try ScratchFolder()
    let path = emulate("hf-model-to/hf-eager/bf16", in: folder, "--shift=1000")
    let junit = folder.path + "/" + "check.xml"
    let command = ["check", Self.input, "--against", path, "--recipe", "hf-bf16", "--junit", junit]
    let result = ropedrift(command)
    #expect(result.exit == .budgetExceeded)
    #expect(
      result.output.contains(
        "/hf-bf16: accuracy at stage table, tensor layers.0.cos, first at position 1000 (token 0)"))
    #expect(result.output.contains("replay: ropedrift score \(Self.input) --layer 0 --head 0 --query 23"))
    let xml = try String(contentsOfFile: junit, encoding: .utf8)
    #expect(xml.contains("<failure message=\"FAIL "))
    // Once more it exists; with --force it is the same.
    #expect(ropedrift(command).exit == .wrongUsage)
    #expect(ropedrift(command + ["--force"]).exit == .budgetExceeded)
    #expect(try String(contentsOfFile: junit, encoding: .utf8) == xml)
    let json = try #require(
      try JSONSerialization.jsonObject(
        with: Data(ropedrift(Array(command.dropLast(2)) + ["--json"]).output.utf8))
        as? [String: Any])
    #expect(json["verdict"] as? String == "fail")
    let first = try #require(json["first_failure"] as? [String: Any])
    #expect(first["tensor"] as? String == "layers.0.cos")
    #expect(first["first_position"] as? Int == 1000)
    // The replay command runs.
    let message = try #require(first["message"] as? String)
    let replay = try #require(message.split(separator: "\n").last { $0.contains("replay: ") })
    let words = replay.split(separator: " ").map(String.init).drop { $0 != "ropedrift" }.dropFirst()
    #expect(ropedrift(Array(words)).exit == .done)
  }

  @Test func whatPassesIsPrintedAndPasses() throws {
    let folder = try ScratchFolder()
    let path = emulate("table-bf16", in: folder, "--shift=1000")
    for rule in [
      "flash=0", "ulp=0.25", "allclose:atol=0,rtol=0", "nmse=0", "cosine=1", "mismatches=0", "bit-exact",
    ] {
      let command = ["check", Self.input, "--against", path, "--recipe", "hf-bf16", "--json", "--accuracy"]
      let json = try #require(
        try JSONSerialization.jsonObject(with: Data(ropedrift(command + [rule]).output.utf8))
          as? [String: Any])
      let tensors = try #require(json["tensors"] as? [[String: Any]])
      // The widest of the tensors' least limits passes all of them.
      var enough: [String] = []
      for tensor in tensors {
        let results = try #require(tensor["accuracy_results"] as? [[String: Any]])
        enough += try #require(results[0]["minimum_tolerance"] as? [String]).prefix(1)
      }
      let name = try #require(tensors[0]["name"] as? String)
      let one = folder.path + "/" + "one.safetensors"
      // One tensor alone, so that its own least limit is what decides.
      let file = try SafetensorsFile(path: path)
      var writer = SafetensorsWriter()
      let tensor = try file.tensor(named: name)
      try writer.add(name, tensor.elementType, shape: tensor.shape, values: tensor.elements())
      try writer.write(to: one)
      let again = ropedrift(
        "check", Self.input, "--against", one, "--shift=1000", "--recipe", "hf-bf16", "--accuracy", enough[0])
      #expect(again.exit == .done, "\(rule) with \(enough[0]): \(again.output)")
    }
  }

  @Test func comparisonInputThatDoesNotFitIsExitCode4() throws {
    let folder = try ScratchFolder()
    func run(_ path: String) -> CommandResult {
      ropedrift("check", Self.input, "--against", path, "--recipe", "hf-bf16")
    }
    #expect(run(folder.path + "/" + "nowhere.safetensors").exit == .comparisonMissing)
    let garbage = folder.path + "/" + "garbage.safetensors"
    try Data("no header at all".utf8).write(to: URL(fileURLWithPath: garbage))
    #expect(run(garbage).exit == .comparisonMissing)
    let theirs = emulate("hf-bf16", in: folder)
    let other = ropedrift(
      "check", "synthetic:normal,tokens=25,heads=2,kv_heads=1,layers=1,head_dim=16", "--against", theirs,
      "--recipe",
      "hf-bf16")
    #expect(other.exit == .comparisonMissing)
    #expect(other.talk.contains("layers.0.cos") && other.talk.contains("[25, 8] or [25, 16]"))
  }

  @Test(arguments: [
    ["--recipe", "hf-bf16", "--require", "accuracy"], ["--recipe", "hf-bf16", "--accuracy", "ulp=1"],
    ["--against", "x"],
    ["--recipe", "hf-bf16", "--recipe", "fp32"],
    ["--recipe", "hf-bf16", "--against", "x", "--accuracy", "upl=1"],
    ["--recipe", "hf-bf16", "--against", "x", "--budget", "y"],
    ["--recipe", "hf-bf16", "--against", "x", "--heads", "0"],
    ["--recipe", "hf-bf16", "--against", "x", "--require", "precision"], ["--recipe", "hf-bf16", "--force"],
    ["--recipe", "hf-bf16", "--junit", "-"],
  ])
  func wrongUsageIsSaid(_ arguments: [String]) {
    let result = ropedrift(["check", Self.input] + arguments)
    #expect(result.exit == .wrongUsage, "\(arguments): \(result.talk)")
    #expect(!result.talk.isEmpty)
  }

  @Test func budgetsDecide() throws {
    let folder = try ScratchFolder()
    #expect(ropedrift("check", Self.input, "--recipe", "hf-bf16").exit == .done)
    func budget(_ text: String) throws -> CommandResult {
      let path = folder.path + "/" + "budget.json"
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return ropedrift("check", Self.input, "--recipe", "hf-bf16", "--budget", path)
    }
    let failed = try budget(#"{"limits": [{"metric": "d_logit", "limit": 0}]}"#)
    #expect(failed.exit == .budgetExceeded)
    #expect(failed.output.hasPrefix("FAIL "))
    let unknown = try budget(#"{"limits": [{"metric": "d_logits", "limit": 0}]}"#)
    #expect(unknown.exit == .failed)
    #expect(unknown.talk.contains("did you mean 'd_logit'"))
    let impossible = try budget(#"{"limits": [{"metric": "logit_error_max_abs", "limit": 1e-9}]}"#)
    #expect(impossible.exit == .failed)
    #expect(impossible.talk.contains("cannot be met by any correct implementation"))
    #expect(
      ropedrift("check", Self.input, "--recipe", "hf-bf16", "--budget", folder.path + "/" + "none.json").exit
        == .failed)
  }
}
