// A part of a page: its heading, how to read its pictures, and what stands there where there are none.

/// A part of a page.
public struct PageSection: Sendable, Hashable {
  /// What links lead to.
  public let identifier: String
  /// The heading.
  public let title: String
  /// What is shown and how to read it.
  public let introduction: String
  /// What stands in the place of pictures that a run does not have.
  public let absence: String

  init(_ identifier: String, title: String, introduction: String, absence: String? = nil) {
    (self.identifier, self.title, self.introduction) = (identifier, title, introduction)
    self.absence = absence ?? "There is nothing to draw: no figure of this kind is finite and above zero."
  }
}
