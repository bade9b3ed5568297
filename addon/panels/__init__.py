"""The sidebar panel."""
