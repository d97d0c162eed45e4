"""AWS's vocabulary: types, errors, validators and the registry of operations. Imports nothing above."""
