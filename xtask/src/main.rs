//! Set-up, tests and tidy rules.
fn main() {}
