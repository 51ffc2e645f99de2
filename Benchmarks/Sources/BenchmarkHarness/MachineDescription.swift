// The machine in words, for the head of a table: a ratio without it says little.

import Foundation

/// Processor, caches, system, compilers, libraries.
public struct MachineDescription: Codable, Equatable, Sendable {
  /// The processor's model as it names itself.
  public var processor: String
  /// Processors that are on line.
  public var processorCount: Int
  /// Caches of the first processor: "L1 Data 32K".
  public var caches: [String]
  /// Vector instructions that kernels and yardsticks choose by.
  public var vectors: [String]
  /// Bytes of memory.
  public var memoryBytes: Double
  /// Distribution, kernel and architecture.
  public var system: String
  /// Compilers, libraries and interpreters with their versions.
  public var software: [String]

  /// Asks the machine.
  ///
  /// - Parameter software: what the caller knows of compilers and libraries.
  public init(software: [String]) {
    self.software = software
    let information = ProcessInfo.processInfo
    processorCount = information.activeProcessorCount
    memoryBytes = Double(information.physicalMemory)
    let fields = Self.fields(ofProcessorText: Self.text("/proc/cpuinfo"))
    processor = fields["model name"] ?? fields["Processor"] ?? "unknown"
    let flags = Set((fields["flags"] ?? fields["Features"] ?? "").split(separator: " ").map(String.init))
    vectors = [
      "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512_vnni",
      "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "asimdhp", "sve",
    ].filter(flags.contains)
    caches = Self.caches(in: "/sys/devices/system/cpu/cpu0/cache")
    let name = Self.fields(
      of: Self.text("/etc/os-release"), separator: "=")["PRETTY_NAME"]?.trimmingCharacters(in: ["\""])
    system = [name ?? information.operatingSystemVersionString, Self.kernel].joined(separator: ", ")
  }

  /// The fields of the first processor in the text of /proc/cpuinfo.
  static func fields(ofProcessorText text: String) -> [String: String] {
    fields(of: text.components(separatedBy: "\n\n").first ?? "", separator: ":")
  }

  /// "name: value" lines, trimmed; the first of a repeated name counts.
  static func fields(of text: String, separator: Character) -> [String: String] {
    var fields: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      let name = parts[0].trimmingCharacters(in: .whitespaces)
      if fields[name] == nil { fields[name] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
    return fields
  }

  private static func caches(in folder: String) -> [String] {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    return names.filter { $0.hasPrefix("index") }.compactMap { name in
      func value(_ file: String) -> String {
        text("\(folder)/\(name)/\(file)").trimmingCharacters(in: .whitespacesAndNewlines)
      }
      let (level, type, size) = (value("level"), value("type"), value("size"))
      guard !level.isEmpty, !size.isEmpty else { return nil }
      return "L\(level)\(type == "Unified" ? "" : " \(type.lowercased())") \(size)"
    }
  }

  private static var kernel: String {
    var name = utsname()
    guard uname(&name) == 0 else { return "unknown kernel" }
    func text<Field>(_ field: Field) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    // The version up to its first hyphen: what comes after it names a build or a provider.
    let release = text(name.release).prefix { $0 != "-" }
    return "\(text(name.sysname)) \(release) \(text(name.machine))"
  }

  private static func text(_ path: String) -> String {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Load average over one minute; −1 where the system does not say.
  public static func loadAverage() -> Double {
    var load = 0.0
    return getloadavg(&load, 1) == 1 ? load : -1
  }
}
