"""Jobs in WeData, and the calls that change them."""
