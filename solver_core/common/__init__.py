"""What every room uses: types of arrays, errors in the user's words, files written whole."""
