"""Other packages that work on tensors; each file here is loaded when its package is used."""
