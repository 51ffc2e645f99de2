// What holds of every command: help, version, misspelt names, exit codes, failing output.

import Foundation
import RoPEDrift
import RoPEDriftCommands
import Testing

@Suite struct CommandLineTests {
  static let names = ["report", "score", "round", "frequencies", "recipes", "formats", "inspect"]

  @Test(arguments: names)
  func everyCommandHasHelpWithExamplesAndJSON(_ name: String) {
    for arguments in [[name, "--help"], ["help", name]] {
      let result = ropedrift(arguments)
      #expect(result.exit == .done)
      #expect(result.output.contains("ropedrift \(name)") && result.output.contains("Examples:"))
      #expect(result.output.contains("--json"))
      #expect(result.talk.isEmpty)
    }
  }

  @Test func versionsAreThoseOfTheLibraries() {
    let result = ropedrift("--version")
    #expect(result.exit == .done)
    #expect(
      result.output
        == "ropedrift \(RoPEDriftVersion.current) (MPFR \(LibraryVersions.mpfr), GMP \(LibraryVersions.gmp))\n"
    )
  }

  @Test func misspeltCommandsSuggestTheNearest() {
    let result = ropedrift("scoer")
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.hasPrefix("ropedrift: error: unknown command 'scoer' (did you mean 'score'?)"))
  }

  @Test(arguments: names)
  func unknownFlagsAreWrongUsage(_ name: String) {
    let required = [
      "score": ["--layer", "7", "--head", "0", "--query", "0", "--key", "0"], "report": ["-o", "nowhere"],
    ]
    let needed = required[name] ?? []
    let result = ropedrift([name, "--no-such-flag"] + needed)
    #expect(result.exit == .wrongUsage)
    #expect(result.talk.hasPrefix("ropedrift: error: ") && result.talk.contains("--no-such-flag"))
  }

  @Test func typedErrorsHaveTheirExitCodes() throws {
    let cases: [(any Error, CommandExit)] = [
      (OutputError.alreadyExists("out"), .wrongUsage), (OutputError.diskFull(path: "out"), .failed),
      (FormatError.invalidNumber("x"), .wrongUsage), (ProblemError.base("0"), .wrongUsage),
      (RecipeError.unknownName("x", suggestion: nil), .wrongUsage),
      (RecipeError.malformed(recipe: "x.json", reason: "not valid JSON"), .failed),
      (TensorFileError(.wrongSpelling, file: "x", expected: "", found: "", mend: ""), .wrongUsage),
      (TensorFileError(.truncated, file: "x", expected: "", found: "", mend: ""), .failed),
      (CommandFailure(.budgetExceeded, ""), .budgetExceeded), (CocoaError(.fileNoSuchFile), .failed),
    ]
    for (error, exit) in cases { #expect(CommandFailure(error).exit == exit, "\(error)") }
  }

  @Test func outputThatCannotBeWrittenIsAFailure() {
    let exit = CommandLineTool.run(
      ["formats"],
      console: Console(data: { _ in throw CommandFailure(.failed, "full") }, talk: { _ in }))
    #expect(exit == .failed)
  }

  @Test func namesFromFilesCannotMoveTheCursor() {
    #expect(ropedrift("inspect", "a\u{1B}[2Jb").talk.contains("a\\u{1B}[2Jb"))
  }
}
