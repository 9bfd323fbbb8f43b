"""DOORS: what comes in by HTTP. Each opens one transaction around one verb and rings after the commit."""
