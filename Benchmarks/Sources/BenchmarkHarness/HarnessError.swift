// What can go wrong in a benchmark run, each with its mend.

/// An error of the harness.
public enum HarnessError: Error, Equatable, CustomStringConvertible {
  /// A measurement without samples.
  case noSamples
  /// A sample that is a NaN or infinite.
  case notFinite(Double)
  /// A clock that did not advance while something ran.
  case noTime(contender: String)
  /// A contender that was not measured.
  case unknownContender(String, known: [String])
  /// Two contenders of one name.
  case repeatedContender(String)
  /// Fewer than two different sizes, or a value that is not above zero, where a power law was to be fitted.
  case noPowerLaw(String)
  /// A part of the benchmarks that there is not.
  case unknownPart(String, known: [String])
  /// A child process that could not be started or did not end with 0.
  case child(command: String, problem: String)
  /// A kernel or yardstick that gave another result than it had to.
  case wrongResult(String)
  /// A file that could not be read or written.
  case file(path: String, problem: String)
  /// A library or program that a row needs.
  case missing(String, mend: String)

  /// One or two sentences with the mend.
  public var description: String {
    switch self {
    case .noSamples: "a measurement has no samples; measure at least one round (--rounds)"
    case .notFinite(let sample): "a sample of a measurement is \(sample)"
    case .noTime(let contender):
      "the processor's clock did not advance while '\(contender)' ran; give it more work a run"
    case .unknownContender(let name, let known):
      "'\(name)' was not measured; measured were \(known.joined(separator: ", "))"
    case .repeatedContender(let name): "two contenders are called '\(name)'"
    case .noPowerLaw(let reason): "no power law can be fitted: \(reason)"
    case .unknownPart(let name, let known):
      "there is no part '\(name)'; there are \(known.joined(separator: ", "))"
    case .child(let command, let problem): "'\(command)': \(problem)"
    case .wrongResult(let text): text
    case .file(let path, let problem): "\(path): \(problem)"
    case .missing(let what, let mend): "\(what) is missing; \(mend)"
    }
  }
}
