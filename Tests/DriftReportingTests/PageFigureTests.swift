// The data behind pictures, on figures worked out by hand, and the text of the page against names that mean something in HTML.

import Testing

@testable import DriftAnalysis
@testable import DriftReporting

@Suite struct PageFigureTests {
  private func sums(_ differences: [Double]) -> DifferenceSums {
    var sums = DifferenceSums()
    for (query, difference) in differences.enumerated() {
      sums.add(difference, at: PairPlace(layer: 0, head: 0, query: query, key: 0))
    }
    return sums
  }

  private func concentration(_ differences: [Double], of all: [Double]) -> Concentration {
    Concentration(of: sums(differences), among: sums(all), others: CompensatedSum(), attention: nil)
  }

  @Test func aBinOfKeysHasLeastMeanAndGreatestShare() {
    // Σ|δ| = 8 over eight pairs. Keys 15 and 16 share a bin, key 0 stands alone.
    let all = [4.0, -2, 1, 1, 0, 0, 0, 0]
    let bins = KeyBin.bins([
      (0, concentration([4], of: all)), (15, concentration([-2, 0, 0], of: all)),
      (16, concentration([1, 1, 0, 0], of: all)), (17, concentration([], of: all)),
    ])
    #expect(bins.count == 2)
    #expect(
      bins[0] == .init(keys: 0...0, least: 0.5, mean: 0.5, greatest: 0.5, greatestKey: 0, uniform: 0.125))
    // The first of equal shares; uniform shares 3/8 and 4/8.
    #expect(
      bins[1]
        == .init(keys: 15...16, least: 0.25, mean: 0.25, greatest: 0.25, greatestKey: 15, uniform: 0.4375))
  }

  @Test func keysWithoutAnyDriftHaveNoBins() {
    #expect(KeyBin.bins([(0, concentration([0], of: [0, 0]))]).isEmpty)
    #expect(KeyBin.bins([]).isEmpty)
  }

  @Test func aBinOfDistancesIsTheMeanOverItsFinitePairs() {
    let bins = FigureKind.distanceBins([
      (16, sums([3])), (15, sums([-1, 1, .nan])), (2, sums([.infinity])), (0, sums([0.5, 0])),
      (-1, sums([9])),
    ])
    // Distances 15 and 16: (1 + 1 + 3) / 3; distance 2 has nothing finite; distances ascend.
    #expect(bins == [.init(distances: 0...0, mean: 0.25), .init(distances: 15...16, mean: 5.0 / 3)])
  }

  @Test func firstTokensOfDocumentsAreSetAgainstTheirPairs() {
    // Σ|δ| = 8 over eight pairs: shares 1/2 and 1/4 of one and three pairs. Tokens 16 and 15 share a bin, whatever the documents' order.
    let all = [4.0, -2, 1, 1, 0, 0, 0, 0]
    let bins = PatternPage.documentBins([
      (0, concentration([4], of: all)), (16, concentration([1, 0], of: all)),
      (15, concentration([1, 0], of: all)), (40, concentration([], of: all)),
    ])
    // 1/2 over 1/8; (1/8 + 1/8) over (2/8 + 2/8); a token that nobody sees has no part.
    #expect(
      bins == [
        .init(tokens: 0...0, count: 1, factor: 4), .init(tokens: 15...16, count: 2, factor: 0.5),
      ])
  }

  @Test func panelsWithoutABarAboveZeroAreLeftOut() throws {
    let some = [PlotBar(name: "a", value: 0, tick: nil), PlotBar(name: "b", value: nil, tick: 1)]
    let none = [PlotBar(name: "a", value: 0, tick: 0), PlotBar(name: "b", value: nil, tick: nil)]
    let bars = try #require(
      BarPanels(panels: [("x", none), ("y", some)], field: "f", title: "t", tickField: "g"))
    #expect(bars.panels.map(\.name) == ["y"] && bars.left == ["x"])
    #expect(BarPanels(panels: [("x", none)], field: "f", title: "t") == nil)
  }

  @Test func pairsAreShownFromTheFirstToTheLast() {
    #expect(FigureKind.shownPairs(4) == [0, 1, 2, 3])
    #expect(FigureKind.shownPairs(9) == Array(0..<9))
    #expect(FigureKind.shownPairs(64).first == 0 && FigureKind.shownPairs(64).last == 63)
    #expect(FigureKind.shownPairs(64).count == 9 && Set(FigureKind.shownPairs(10)).count == 9)
  }

  @Test func textIsEscapedForElementsAndAttributes() {
    #expect(HTMLText.escaped("<b> & \"q\" 'a'") == "&lt;b&gt; &amp; &quot;q&quot; &#39;a&#39;")
    // A line break and an override of the direction of writing.
    #expect(HTMLText.escaped("a\nb\u{202E}") == "a\\u{A}b\\u{202E}")
    #expect(HTMLText.element("td", "</td>", "class=\"n\"") == "<td class=\"n\">&lt;/td&gt;</td>")
  }

  @Test func aLongTableSaysWhatIsLeftOut() {
    let table = PageTable(
      header: ["name", "value"], rows: (0..<5).map { [.string("r\($0)"), .number(Double($0))] },
      source: "x.csv")
    let html = HTMLText.table(table, rowLimit: 3)
    #expect(
      html.contains("r2") && !html.contains("r3")
        && html.contains("2 more rows are not shown. Every digit: x.csv."))
    #expect(html.contains("<th class=\"n\">value</th>"))
  }

  @Test func namesInsidePicturesAreToldApartInThePage() {
    let picture =
      "<svg><clipPath id=\"c1\"/><g clip-path=\"url(#c1)\"><text>a id=\"b url(#c1)</text></g><use href=\"#c1\"/></svg>"
    #expect(
      EmbeddedPicture.embedded(picture, in: "p")
        == "<svg><clipPath id=\"p-c1\"/><g clip-path=\"url(#p-c1)\"><text>a id=\"b url(#c1)</text></g><use href=\"#p-c1\"/></svg>"
    )
  }

  @Test func everyColourOfAPictureHasAPartnerInTheDark() {
    let light = PageStyle.partners.map(\.light)
    #expect(Set(light).count == light.count)
    for color in SeriesStyle.colors + [
      SeriesStyle.ink, SeriesStyle.muted, SeriesStyle.pale, SeriesStyle.paper,
    ] {
      #expect(light.contains(color))
    }
    #expect(Set((0..<9).map { SeriesStyle($0).color }).count == 9)
    #expect(Set((0..<9).map { "\(SeriesStyle($0).dash)\(SeriesStyle($0).shape)" }).count == 9)
  }

  @Test func everyPartOfThePageHasAKindOfFigure() {
    #expect(FigureKind.all.count == PageSection.ofReport.count)
  }
}
