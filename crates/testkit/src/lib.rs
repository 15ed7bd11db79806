//! Test tools for Bursar: several providers in one process, a manual clock, the store suite.
