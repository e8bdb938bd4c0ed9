"""A selfie model from selfies with popularity scores, in the format of the UCF Selfie data set."""
