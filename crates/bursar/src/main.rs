//! An Open Payments wallet provider in one program.
fn main() {}
