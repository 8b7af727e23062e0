"""The browser's view of runs and catalogues: it draws what ``core`` computes, and trains nothing itself."""
