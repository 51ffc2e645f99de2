// `ropedrift cases`: published figures beside what is computed from their set-ups, with a verdict each.

import ArgumentParser
import RoPEDrift

/// Runs published cases and judges their claims.
struct CasesCommand: PrintingCommand {
  static let configuration = CommandConfiguration(
    commandName: "cases",
    abstract: "Compute published figures from their set-ups and say which hold.",
    discussion: """
      A case is a JSON file: what a thread or paper claims, the set-up, the steps to compute, the verdict that is expected. \
      Nothing computed is stored. One name shows the whole working; your own file is read like a shipped one. Exit code 0 \
      if every verdict is the one that the file states, else 1.

      Examples:
        ropedrift cases
        ropedrift cases gpt-neox-1003
        ropedrift cases mine.json --json
      """)

  @Argument(
    help: ArgumentHelp(
      "Cases by name or your own .json files; all but the experiments if left out.", valueName: "name|file"),
    completion: .cases)
  var cases: [String] = []
  @Flag(help: "Run the experiments on the shipped sample too; they take minutes.")
  var experiments = false
  @OptionGroup var threads: ThreadsOption
  @OptionGroup var printing: PrintingOptions

  func run() throws {
    let console = Console.current
    let chosen = try selection()
    let outcomes = try chosen.map { try $0.run(threads: threads.count) }
    if printing.json {
      try console.print(json: .array(outcomes.map { try $0.json() }))
    } else if cases.count == 1 {
      try console.write(try outcomes[0].working())
    } else {
      try console.write(try CaseClaimTable.text(of: outcomes))
      let leftOut = CaseRegistry.all.filter(\.isExperiment).map(\.name)
      if cases.isEmpty, !experiments {
        try console.print(
          "left out: \(leftOut.joined(separator: ", ")); --experiments runs them on the shipped sample")
      }
    }
    let others = outcomes.filter { !$0.isAsExpected }.map(\.publishedCase.name)
    guard others.isEmpty else {
      throw CommandFailure(
        .failed,
        "verdicts other than the files state: \(others.joined(separator: ", ")); 'ropedrift cases NAME' shows the working"
      )
    }
  }

  /// The named cases in the order typed, each once.
  private func selection() throws -> [PublishedCase] {
    guard cases.isEmpty else {
      guard !experiments else {
        throw CommandFailure(
          .wrongUsage, "--experiments adds experiments to all cases; leave it out beside names of cases")
      }
      var known: Set<String> = []
      return try cases.filter { known.insert($0).inserted }.map(CaseRegistry.publishedCase(nameOrPath:))
    }
    return CaseRegistry.all.filter { experiments || !$0.isExperiment }
  }
}
