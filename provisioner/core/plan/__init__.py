"""Plans: pending changes, and the guards on them."""
