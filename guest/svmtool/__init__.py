# SPDX-License-Identifier: MIT
"""What stands behind ./svm: building, booting and testing the simulated GPU's guest."""
