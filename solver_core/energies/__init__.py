"""What the solver minimises: each energy gives residuals and their Jacobian, one file each. Energies know no stage."""
