import Testing

@testable import DriftReporting

@Suite struct RunRecordTests {
  @Test(
    arguments: [
      ("report", "report"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$(x)", "'$(x)'"),
      ("synthetic:normal,heads=2", "synthetic:normal,heads=2"), ("é", "'é'"),
    ])
  func wordsAreQuotedForTheShell(word: String, quoted: String) {
    #expect(ShellCommand.quoted(word) == quoted)
  }
}
