//! Tests of the published interface, in one program so that they link once.

mod explaining;
mod interop;
mod properties;
mod refusals;
mod rfc;
mod signing;
mod support;
