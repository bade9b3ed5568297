"""Pretrained networks: face detectors, landmark networks, and the registry of their weights. They know no rig."""
