"""One module for each way to misread the contract, and one that does not."""
