// Mean drift and mean error over the distance between query and key: four pictures, because neither questions nor spaces mix.

import DriftAnalysis

extension FigureKind {
  static let distances = FigureKind { data in
    data.picturedComparisons.flatMap { comparison in
      ["drift", "error"].flatMap { question in
        ValueSpace.allCases.compactMap { distances(data, comparison, $0, isDrift: question == "drift") }
      }
    }
  }

  /// Mean |δ| over all finite pairs of a bin of distances.
  struct DistanceBin: Sendable, Hashable {
    var distances: ClosedRange<Int>
    var mean: Double
  }

  /// Bins of the distances from 0 on that have a finite difference.
  static func distanceBins(_ sums: [(distance: Int, DifferenceSums)]) -> [DistanceBin] {
    let known = sums.compactMap { distance, sums -> (distance: Int, sum: Double, count: Int)? in
      guard distance >= 0, let sum = sums.sumOfMagnitudes else { return nil }
      return (distance, sum, sums.finiteCount)
    }.sorted { $0.distance < $1.distance }
    return LogarithmicBins.runs(of: known.map(\.distance)).map { run in
      let bin = known[run]
      return DistanceBin(
        distances: bin.first!.distance...bin.last!.distance,
        mean: bin.reduce(0) { $0 + $1.sum } / Double(bin.reduce(0) { $0 + $1.count }))
    }
  }

  private static func distances(
    _ data: ReportPageData, _ comparison: Int, _ space: ValueSpace, isDrift: Bool
  ) -> PageFigure? {
    let recipes = data.recipes.map { name, recipe -> (name: String, bins: [DistanceBin]) in
      let found = recipe.comparisons[comparison]
      let sums: [(distance: Int, DifferenceSums)] =
        isDrift
        ? found.distances.map { ($0.distance, space == .logit ? $0.logit : $0.probability) }
        : found.error.distances.map { ($0.distance, space == .logit ? $0.logit : $0.probability) }
      return (name, distanceBins(sums))
    }
    let lines = recipes.map { recipe in
      PlotSeries(
        name: recipe.name,
        points: recipe.bins.filter { $0.mean > 0 }.map {
          (.number(Double($0.distances.lowerBound + $0.distances.upperBound) / 2 + 1), $0.mean)
        })
    }
    let greatest = recipes.flatMap(\.bins).map(\.distances.upperBound).max() ?? 0
    let what = isDrift ? space.drift : space.error
    guard
      let body = SeriesPanel.body(
        lines,
        x: ("quantitative", VegaLite.countingAxis(upTo: greatest + 1, title: "distance + 1 (positions)")),
        y: "mean \(what)", names: ("distance_plus_1", isDrift ? "mean_drift" : "mean_error"))
    else { return nil }
    let title = "\(isDrift ? "Drift" : "Error") over distance, \(space.plural)"
    let zeros = recipes.reduce(0) { $0 + $1.bins.filter { $0.mean == 0 }.count }
    let shift = data.results.experiment.comparisons[comparison].first
    return PageFigure(
      name: PageFigure.name("\(isDrift ? "drift" : "error")-distance-\(space.rawValue)", comparison),
      section: .distances, comparison: comparison, title: title,
      caption: (isDrift
        ? "Shifts \(data.shifts(comparison))" : "Against the exact reference, at shift \(shift)")
        + "; mean of magnitudes over all pairs of a distance, in all heads and layers. Distances: \(LogarithmicBins.explanation)."
        + (zeros > 0
          ? " \(zeros) bins whose mean is zero have no place on a logarithmic axis and are left out." : ""),
      subtitle: [
        isDrift
          ? "a recipe against itself, \(data.shifts(comparison))" : "a recipe against the exact reference"
      ],
      description: "\(title): mean magnitude, a line for each recipe, both axes logarithmic.", body: body,
      table: table(recipes))
  }

  private static func table(_ recipes: [(name: String, bins: [DistanceBin])]) -> PageTable {
    // Recipes with NaNs may lack bins that others have.
    let all = Set(recipes.flatMap { $0.bins.map(\.distances.lowerBound) }).sorted()
    let byStart = recipes.map { recipe in
      Dictionary(uniqueKeysWithValues: recipe.bins.map { ($0.distances.lowerBound, $0) })
    }
    return PageTable(
      header: ["distances"] + recipes.map(\.name),
      rows: all.map { start in
        let range = byStart.compactMap { $0[start]?.distances }.max { $0.upperBound < $1.upperBound }!
        return [.string(PageText.range(range))] + byStart.map { Cell($0[start]?.mean) }
      }, source: "distances.csv")
  }
}
