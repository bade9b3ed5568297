"""What ties frames together: light, skin, sparsity, bundle, joins, tracking."""
