// How a user spells a format. A new named format is one entry of `named`.

extension FloatingPointFormat {
  /// bfloat16: p = 8, the exponents of binary32.
  public static let bf16 = FloatingPointFormat(uncheckedPrecision: 8, -126, 127)
  /// IEEE 754 binary16.
  public static let fp16 = FloatingPointFormat(uncheckedPrecision: 11, -14, 15)
  /// IEEE 754 binary32.
  public static let fp32 = FloatingPointFormat(uncheckedPrecision: 24, -126, 127)
  /// TensorFloat-32: the precision of binary16 with the exponents of binary32; 19 bits. Hardware keeps it in the
  /// upper bits of a binary32 word.
  public static let tf32 = FloatingPointFormat(uncheckedPrecision: 11, -126, 127)
  /// IEEE 754 binary64.
  public static let fp64 = FloatingPointFormat(uncheckedPrecision: 53, -1022, 1023)
  /// FP8 E4M3 without infinities [Micikevicius2022]: largest finite value 448; overflow gives NaN.
  public static let fp8E4M3FN = FloatingPointFormat(uncheckedPrecision: 4, -6, 8, specialValues: .nanOnly)
  /// FP8 E5M2 [Micikevicius2022].
  public static let fp8E5M2 = FloatingPointFormat(uncheckedPrecision: 3, -14, 15)

  /// The formats with a name of their own, in the order in which they are listed.
  public static let named: [(name: String, format: FloatingPointFormat)] = [
    ("bf16", .bf16), ("fp16", .fp16), ("fp32", .fp32), ("tf32", .tf32), ("fp64", .fp64),
    ("fp8-e4m3fn", .fp8E4M3FN), ("fp8-e5m2", .fp8E5M2),
  ]

  static let saturatingSuffix = "-saturating"
  static let noSubnormalsSuffix = "-nosubnormals"
  static let noInfinitySuffix = "-noinfinity"

  /// Reads a spelling: a name, or `pPeEMIN:EMAX` (`p11e-14:15` is binary16), either followed by `-noinfinity` and
  /// `-nosubnormals` (spelled-out formats only) and then `-saturating` where that is meant, in this order.
  ///
  /// - Throws: ``FormatError/unknownFormat(_:suggestion:)``, ``FormatError/invalidParameters(_:)``.
  public init(spelling: String) throws {
    if spelling.hasSuffix(Self.saturatingSuffix) {
      let bare = try FloatingPointFormat(spelling: String(spelling.dropLast(Self.saturatingSuffix.count)))
      guard !bare.saturates else { throw Self.unknown(spelling) }
      self = bare.saturating
      return
    }
    if let known = Self.named.first(where: { $0.name == spelling }) {
      self = known.format
      return
    }
    var parameters = Substring(spelling)
    let hasSubnormals = !parameters.hasSuffix(Self.noSubnormalsSuffix)
    if !hasSubnormals { parameters = parameters.dropLast(Self.noSubnormalsSuffix.count) }
    let hasInfinity = !parameters.hasSuffix(Self.noInfinitySuffix)
    if !hasInfinity { parameters = parameters.dropLast(Self.noInfinitySuffix.count) }
    guard let match = parameters.wholeMatch(of: #/p(\d{1,3})e(-?\d{1,5}):(\d{1,5})/#),
      let precision = Int(match.1), let minimum = Int(match.2), let maximum = Int(match.3)
    else { throw Self.unknown(spelling) }
    try self.init(
      precision: precision, minimumExponent: minimum, maximumExponent: maximum, hasSubnormals: hasSubnormals,
      specialValues: hasInfinity ? .infinityAndNaN : .nanOnly)
  }

  private static func unknown(_ spelling: String) -> FormatError {
    .unknownFormat(spelling, suggestion: nearestName(to: spelling, among: named.map(\.name)))
  }

  /// The shortest spelling that ``init(spelling:)`` reads back as this format.
  public var spelling: String {
    let suffix = saturates ? Self.saturatingSuffix : ""
    if let known = Self.named.first(where: { $0.format == self || $0.format.saturating == self }) {
      return known.name + suffix
    }
    return "p\(precision)e\(minimumExponent):\(maximumExponent)"
      + (specialValues == .nanOnly ? Self.noInfinitySuffix : "")
      + (hasSubnormals ? "" : Self.noSubnormalsSuffix) + suffix
  }
}
