// The version that the command prints and that every report records: written here and nowhere else.

/// The version of the package.
public enum RoPEDriftVersion {
  /// Semantic version.
  public static let current = "0.1.0"
}
