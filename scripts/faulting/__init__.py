"""What scripts/faults, scripts/sweep and scripts/storm share: an issuer, a place, the injector, and what has to hold."""
