// How the process ends, and the one place where errors become exit codes.

import ArgumentParser
import RoPEDrift

/// The exit codes.
public enum CommandExit: Int32, Sendable {
  /// Done, and within the budget where one was asked for.
  case done = 0
  /// Input that cannot be read or is invalid, or a failure at run time.
  case failed = 1
  /// The verdict: a budget is exceeded.
  case budgetExceeded = 3
  /// A baseline or other comparison input is missing or incompatible.
  case comparisonMissing = 4
  /// Wrong usage: flags, unknown names, output that exists already.
  case wrongUsage = 64
  /// Interrupted by a signal.
  case interrupted = 130
}

/// What ends a command other than success: an exit code and one clear message with the mend.
public struct CommandFailure: Error, Equatable, CustomStringConvertible {
  /// The code.
  public let exit: CommandExit
  /// One line, without `ropedrift: error:`; empty where the output has said everything (a verdict).
  public let message: String

  /// A failure from its parts.
  public init(_ exit: CommandExit, _ message: String) {
    self.exit = exit
    self.message = message
  }

  /// The message.
  public var description: String { message }

  /// The failure of a command whose folder is in place and whole but for its pictures.
  init(withoutPictures failure: FigureRendererError, folder: String) {
    self.init(.failed, "\(failure.description); the report at '\(folder)' is whole but holds no pictures")
  }

  /// The failure that a typed error of the libraries stands for.
  ///
  /// ``ProblemError`` counts as wrong usage here; what came from a file is caught where that is known
  /// (``ProblemOptions/resolve(for:)``).
  public init(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as TensorFileError:
      self.init(error.isWrongUsage ? .wrongUsage : .failed, error.description)
    case let error as OutputError: self.init(error.isWrongUsage ? .wrongUsage : .failed, error.description)
    case let error as FormatError: self.init(.wrongUsage, error.description)
    case let error as ProblemError: self.init(.wrongUsage, error.description)
    case let error as PatternError: self.init(.wrongUsage, error.description)
    case let error as SequenceParallelismError: self.init(.wrongUsage, error.description)
    case let error as TileError: self.init(.wrongUsage, error.description)
    case let error as RecipeError:
      switch error {
      case .unknownName, .unknownPart, .typeNotAvailable, .incomplete, .refused:
        self.init(.wrongUsage, error.description)
      case .malformed, .missing, .unknownKey, .invalidValue: self.init(.failed, error.description)
      }
    case let error as ModelError:
      if case .unknownName = error {
        self.init(.wrongUsage, error.description)
      } else {
        self.init(.failed, error.description)
      }
    case let error as CaseError:
      if case .unknownName = error {
        self.init(.wrongUsage, error.description)
      } else {
        self.init(.failed, error.description)
      }
    case let error as BaselineError:
      switch error {
      case .unreadable, .malformed, .incompatible: self.init(.comparisonMissing, error.description)
      case .allowance, .unknownMetric: self.init(.wrongUsage, error.description)
      }
    case let error as ComparisonInputError: self.init(.comparisonMissing, error.description)
    case let error as BudgetError: self.init(.failed, error.description)
    case let error as ComparatorError: self.init(.wrongUsage, error.description)
    case let error as UndecidedRounding: self.init(.failed, error.description)
    default: self.init(.failed, String(describing: error))
    }
  }
}
