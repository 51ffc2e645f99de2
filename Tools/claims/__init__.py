"""Claims held against runs: subjects (what runs), figures (what is read from reports), rules (verdicts), document (Markdown)."""
