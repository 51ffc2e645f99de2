// Pictures are made by another program, vl-convert-python, because no Vega runs in Swift. It is asked before any work starts whether it
// is there, and its failure costs the pictures only.

import Foundation

/// What went wrong with the pictures.
public enum FigureRendererError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No such program.
  case notFound(String)
  /// The program could not be started.
  case notStarted(String, reason: String)
  /// Python ran, but without the package.
  case noPackage(String, output: String)
  /// It ended with a failure.
  case failed(String, status: Int, output: String)
  /// It ended well, but a picture is missing or is none.
  case noPicture(String, file: String)

  /// One sentence with the mend.
  public var description: String {
    let mend =
      "install it with 'python3 -m venv .venv-figures && .venv-figures/bin/pip install \(FigureRenderer.package)' and pass "
      + "--figure-renderer .venv-figures/bin/python"
    switch self {
    case .notFound(let program):
      return "figure renderer '\(program)': there is no such program; \(mend)"
    case .notStarted(let program, let reason):
      return "figure renderer '\(program)': could not be started (\(reason)); \(mend)"
    case .noPackage(let program, let output):
      return "figure renderer '\(program)': vl-convert-python cannot be used (\(output)); \(mend)"
    case .failed(let program, let status, let output):
      return "figure renderer '\(program)': ended with status \(status)\(output.isEmpty ? "" : ": \(output)")"
    case .noPicture(let program, let file):
      return "figure renderer '\(program)': made no picture '\(file)'"
    }
  }
}

/// A Python with the package vl-convert-python, which turns Vega-Lite specifications into SVG without a network.
public struct FigureRenderer: Sendable {
  /// The interpreter as it was named.
  public let program: String
  /// Version of the package.
  public let version: String
  private let executable: URL

  /// What to install; its version decides the pictures' bytes.
  public static let package = "vl-convert-python==1.9.0.post1"
  /// The version of Vega-Lite that the package is told to use.
  public static let vegaLite = "5.21"

  /// Finds the interpreter, on the PATH where it is named without a slash, and asks it for the package.
  ///
  /// - Throws: ``FigureRendererError``.
  public init(python: String) throws(FigureRendererError) {
    program = python
    guard let path = Self.path(of: python) else { throw .notFound(python) }
    executable = URL(fileURLWithPath: path)
    let answer = try Self.run(executable, python, arguments: [])
    guard answer.status == 0 else { throw .noPackage(python, output: answer.output) }
    version = answer.output
  }

  /// Makes a picture beside each specification.
  ///
  /// - Parameters:
  ///   - specifications: paths that end in `.vl.json`; the picture's ends in `.svg`.
  /// - Returns: the pictures, as text.
  /// - Throws: ``FigureRendererError``: some pictures may be there.
  public func render(_ specifications: [String]) throws(FigureRendererError) -> [String] {
    guard !specifications.isEmpty else { return [] }
    let answer = try Self.run(executable, program, arguments: specifications)
    guard answer.status == 0 else {
      throw .failed(program, status: answer.status, output: answer.output)
    }
    var pictures: [String] = []
    for specification in specifications {
      let file = Self.picture(of: specification)
      guard let data = FileManager.default.contents(atPath: file),
        let text = String(validating: data, as: UTF8.self), text.hasPrefix("<svg"),
        text.hasSuffix("</svg>"), !text.contains("<script")
      else { throw .noPicture(program, file: URL(fileURLWithPath: file).lastPathComponent) }
      pictures.append(text)
    }
    return pictures
  }

  static func picture(of specification: String) -> String {
    String(specification.dropLast(PageFigure.suffix.count)) + ".svg"
  }

  /// The program that Python runs. Without arguments it names the package's version. The current folder is no place to import from.
  private static let source = """
    import sys
    sys.path = [place for place in sys.path if place]
    try:
        import vl_convert
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    if len(sys.argv) == 1:
        print(vl_convert.__version__)
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            specification = file.read()
        try:
            picture = vl_convert.vegalite_to_svg(specification, vl_version="\(vegaLite)", allowed_base_urls=[])
        except Exception as error:
            sys.exit(f"{name}: {error}")
        with open(name[:-len("\(PageFigure.suffix)")] + ".svg", "wb") as file:
            file.write(picture.encode("utf-8"))
    """

  private static func run(
    _ executable: URL, _ name: String, arguments: [String]
  ) throws(FigureRendererError) -> (status: Int, output: String) {
    let process = Process()
    process.executableURL = executable
    process.arguments = ["-c", source] + arguments
    let pipe = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    do {
      try process.run()
    } catch {
      throw .notStarted(name, reason: error.localizedDescription)
    }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
    let output = lines.suffix(3).joined(separator: " ").prefix(600)
    return (Int(process.terminationStatus), String(output))
  }

  /// The file of a program.
  private static func path(of program: String) -> String? {
    func isProgram(_ path: String) -> Bool {
      FileKind(at: path) == .file && FileManager.default.isExecutableFile(atPath: path)
    }
    if program.contains("/") { return isProgram(program) ? program : nil }
    let places = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return places.split(separator: ":").map { "\($0)/\(program)" }.first(where: isProgram)
  }
}
