// Interleaving and ratios, on contenders whose times are given.

import Testing

@testable import BenchmarkHarness

@Suite struct ComparisonTests {
  /// Records the order of runs and gives the next of some times.
  private final class Script {
    var order = ""
    func contender(_ name: String, work: Double, _ times: [Double]) -> Contender {
      var remaining = times
      return Contender(name, work: work) {
        self.order += name
        return remaining.removeFirst()
      }
    }
  }

  @Test func roundsAlternateInDirectionAndWarmupsDoNotCount() throws {
    let script = Script()
    let samples = try Samples(
      [script.contender("a", work: 1, [100, 1, 2, 3]), script.contender("b", work: 1, [100, 2, 2, 2])],
      rounds: 3, warmups: 1)
    // Round −1 is odd and goes backward.
    #expect(script.order == "ba" + "ab" + "ba" + "ab")
    #expect(try samples.seconds("a") == Spread([1, 2, 3]))
    #expect(try samples.timeRatio("a", to: "b") == Spread([0.5, 1, 1.5]))
  }

  @Test func ratiosAreForEqualWorkAndWithinARound() throws {
    let script = Script()
    let samples = try Samples(
      [
        script.contender("kernel", work: 100, [200, 400]), script.contender("yardstick", work: 10, [10, 40]),
      ],
      rounds: 2, warmups: 0)
    // 2 and 4 a unit against 1 and 4.
    #expect(try samples.timeRatio("kernel", to: "yardstick") == Spread([2, 1]))
    #expect(try samples.rateRatio("kernel", to: "yardstick") == Spread([0.5, 1]))
    #expect(try samples.secondsOfRun("kernel") == Spread([200, 400]))
    #expect(try samples.rate("yardstick") == Spread([1, 0.25]))
  }

  @Test func progressCountsRounds() throws {
    var seen: [Int] = []
    _ = try Samples([Contender("a", work: 1) { 1 }], rounds: 3) { seen.append($0) }
    #expect(seen == [1, 2, 3])
  }

  @Test func whatCannotBeMeasuredIsAnError() throws {
    let one = Contender("a", work: 1) { 1 }
    #expect(throws: HarnessError.noSamples) { try Samples([one], rounds: 0) }
    #expect(throws: HarnessError.noSamples) { try Samples([], rounds: 1) }
    #expect(throws: HarnessError.repeatedContender("a")) { try Samples([one, one], rounds: 1) }
    #expect(throws: HarnessError.noTime(contender: "b")) {
      try Samples([Contender("b", work: 1) { 0 }], rounds: 1)
    }
    #expect(throws: HarnessError.unknownContender("c", known: ["a"])) {
      try Samples([one], rounds: 1).seconds("c")
    }
  }

  @Test func clocksGoForward() {
    var sum = 0.0
    let seconds = Clock.time { for index in 0..<2_000_000 { sum += Double(index).squareRoot() } }
    #expect(seconds > 0 && sum > 0)
    let (before, after) = (Clock.wallSeconds(), Clock.wallSeconds())
    #expect(after >= before)
  }
}

@Suite struct ChildProcessTests {
  @Test func aChildsAccountIsRead() throws {
    let (usage, _) = try ChildUsage.run(["sh", "-c", "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done"])
    #expect(usage.exitCode == 0)
    #expect(usage.processorSeconds > 0 && usage.seconds > 0)
    #expect(usage.peakBytes > 100_000)
  }

  @Test func failuresSignalsAndMessagesAreSeen() throws {
    let (failed, messages) = try ChildUsage.run(
      ["sh", "-c", "echo \"$BENCH_WORD\" >&2; exit 3"], environment: ["BENCH_WORD": "because"])
    #expect(failed.exitCode == 3)
    #expect(messages == "because\n")
    #expect(try ChildUsage.run(["sh", "-c", "kill -9 $$"]).usage.exitCode == 137)
  }

  @Test func aProgramThatIsNotThereIsAnError() {
    #expect(throws: HarnessError.self) { try ChildUsage.run(["/nowhere/no-such-program"]) }
  }
}
